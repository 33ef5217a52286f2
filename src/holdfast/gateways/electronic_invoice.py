"""A PDF that carries its invoice for machines says so in its metadata: Factur-X 1.0, profile EN 16931."""

from io import BytesIO

from pypdf import PdfReader, PdfWriter
from pypdf.generic import NameObject, StreamObject

from holdfast.domains.document.ports import Embedded

NAMESPACE = "urn:factur-x:pdfa:CrossIndustryDocument:invoice:1p0#"
PROPERTIES = {
    "DocumentFileName": "The name of the embedded XML document",
    "DocumentType": "The type of the hybrid document in capital letters, e.g. INVOICE or ORDER",
    "Version": "The actual version of the standard applying to the embedded XML document",
    "ConformanceLevel": "The conformance level of the embedded XML document",
}


def announce(pdf: bytes, embedded: Embedded) -> bytes:
    """The same PDF with Factur-X's properties, and their schema, added to its XMP."""
    writer = PdfWriter(clone_from=PdfReader(BytesIO(pdf)))
    catalogue = writer.root_object
    told = catalogue["/Metadata"].get_object()
    assert isinstance(told, StreamObject), "typst writes XMP into every PDF"
    told.set_data(with_properties(told.get_data().decode(), embedded.filename).encode())
    catalogue[NameObject("/PageMode")] = NameObject("/UseAttachments")
    made = BytesIO()
    writer.write(made)
    return made.getvalue()


def with_properties(xmp: str, filename: str) -> str:
    values = {
        "DocumentFileName": filename,
        "DocumentType": "INVOICE",
        "Version": "1.0",
        "ConformanceLevel": "EN 16931",
    }
    said = "".join(f"<fx:{name}>{value}</fx:{name}>" for name, value in values.items())
    described = f'<rdf:Description rdf:about="" xmlns:fx="{NAMESPACE}">{said}</rdf:Description></rdf:RDF>'
    xmp = xmp.replace("</rdf:RDF>", described)
    # PDF/A wants every schema it does not know described in the file itself
    opening = "<pdfaExtension:schemas><rdf:Bag>"
    if opening not in xmp:
        return xmp  # plain PDF, where a font was missing
    return xmp.replace(opening, opening + schema())


def schema() -> str:
    properties = "".join(
        '<rdf:li rdf:parseType="Resource">'
        f"<pdfaProperty:name>{name}</pdfaProperty:name>"
        "<pdfaProperty:valueType>Text</pdfaProperty:valueType>"
        "<pdfaProperty:category>external</pdfaProperty:category>"
        f"<pdfaProperty:description>{description}</pdfaProperty:description></rdf:li>"
        for name, description in PROPERTIES.items()
    )
    return (
        '<rdf:li rdf:parseType="Resource">'
        "<pdfaSchema:schema>Factur-X PDFA Extension Schema</pdfaSchema:schema>"
        f"<pdfaSchema:namespaceURI>{NAMESPACE}</pdfaSchema:namespaceURI>"
        "<pdfaSchema:prefix>fx</pdfaSchema:prefix>"
        f"<pdfaSchema:property><rdf:Seq>{properties}</rdf:Seq></pdfaSchema:property></rdf:li>"
    )
