"""OAuth 2.0 and OpenID Connect rules as pure functions, one module per specification.

``*_form`` builds a request, ``parse_*`` reads a response, ``validate_*`` checks its content.
"""
