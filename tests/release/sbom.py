"""Writes awesome-cli.cdx.json, the software bill of materials (SBOM) that the wheel contains: CycloneDX 1.6, PEP 770.

It lists what requirements-runtime.lock pins, with the hashes of all files of each version. The argument is a folder
with these packages, whose metadata states licenses and dependencies. The same input gives the same file.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, PackageMetadata, distributions
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from cyclonedx.contrib.hash.factories import HashTypeFactory
from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.spdx import is_expression
from packageurl import PackageURL
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from awesome_cli import __version__
from support.locks import ROOT, RUNTIME_LOCK, Pin, read_lock

SBOM = ROOT / "awesome-cli.cdx.json"


def make_sbom(pins: Iterable[Pin], packages: dict[str, Distribution]) -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    home = urlsplit(project["urls"]["Repository"]).path.split("/")  # on PyPI the name belongs to another project
    purl = PackageURL("github", home[1], home[2], version=f"v{__version__}")
    root = component(purl, __version__, project["license"], ComponentType.APPLICATION)
    components = {pin.name: locked_component(pin, packages[pin.name].metadata) for pin in pins}
    bom = Bom(components=components.values())
    bom.metadata.component = root
    bom.register_dependency(root, [components[name] for name in names(project["dependencies"])])
    for name, dependent in components.items():
        needed = sorted(names(packages[name].requires or []) & components.keys())
        bom.register_dependency(dependent, [components[dependency] for dependency in needed])
    bom.metadata.timestamp = None  # type: ignore[assignment]  # "now" would be another file each time
    bom.serial_number = uuid5(NAMESPACE_URL, " ".join([str(root.purl), *sorted(str(c.purl) for c in bom.components)]))
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def locked_component(pin: Pin, metadata: PackageMetadata) -> Component:
    purl = PackageURL("pypi", name=pin.name, version=pin.version)
    made = component(purl, pin.version, license_of(metadata), ComponentType.LIBRARY)
    hashes = [HashTypeFactory().from_composite_str(value) for value in pin.hashes]
    files = XsUri(f"https://pypi.org/project/{pin.name}/{pin.version}/#files")
    made.external_references.add(ExternalReference(type=ExternalReferenceType.DISTRIBUTION, url=files, hashes=hashes))
    return made


def component(purl: PackageURL, version: str, license_name: str, kind: ComponentType) -> Component:
    licenses = [LicenseFactory().make_from_string(license_name)]
    return Component(type=kind, name=purl.name, version=version, purl=purl, bom_ref=str(purl), licenses=licenses)


def license_of(metadata: PackageMetadata) -> str:
    """Return the license as an SPDX expression where the package states one, else the name that its classifier has."""
    classifiers = [name for name in metadata.get_all("Classifier") or [] if name.startswith("License :: ")]
    named = " OR ".join(name.rpartition(" :: ")[2] for name in classifiers)
    stated = (metadata["License-Expression"], metadata["License"])
    return next((name for name in stated if name and is_expression(name)), named)


def names(requirements: Iterable[str]) -> set[str]:
    """Return what is required on some system or Python; what only an extra requires is left out."""
    found = map(Requirement, requirements)
    return {canonicalize_name(needed.name) for needed in found if "extra ==" not in str(needed.marker)}


if __name__ == "__main__":
    installed: dict[str, Distribution] = {
        canonicalize_name(package.name): package for package in distributions(path=sys.argv[1:])
    }
    SBOM.write_text(make_sbom(read_lock(RUNTIME_LOCK), installed), "utf-8")
