"""A person with a browser, as a program: ``python person.py URL`` opens the page of a provider, and approves there."""

from __future__ import annotations

import re
import sys

import httpx

if __name__ == "__main__":
    url = sys.argv[1]
    with httpx.Client(follow_redirects=True) as browser:
        page = browser.get(url)
        fields = dict(re.findall(r'name="(user_code|ticket)" value="([^"]*)"', page.text))
        browser.post(url, data={**fields, "decision": "approve"}).raise_for_status()
