"""Read pain.002: what a bank says of a file that it was given. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from billing.sepa.iso20022 import BadFile, Element, all_of, name_of, text_of, tidy, tree_of

MOST_BYTES = 5_000_000
REJECTED = "RJCT"
_REPORTS = ("CstmrPmtStsRpt", "pain.002.001.02")


@dataclass(frozen=True, slots=True)
class Refused:
    """What is refused: one order, or, without its name, all of a batch or of the file."""

    batch: str
    end_to_end: str
    code: str


@dataclass(frozen=True, slots=True)
class Status:
    """What a report says of one file of ours."""

    message: str
    refused: Sequence[Refused]


def read(content: bytes) -> Status:
    """Return what a report says.

    Raises:
        BadFile: it is no status report, or names no file.
    """
    if len(content) > MOST_BYTES:
        raise BadFile(f"The file has more than {MOST_BYTES // 1_000_000} MB.")
    root = tree_of(content)
    report = next((one for one in root.iter() if name_of(one) in _REPORTS), None)
    if report is None:
        raise BadFile("This XML is no status report: it must be a pain.002.")
    message = tidy(text_of(report, "OrgnlGrpInfAndSts/OrgnlMsgId"), 35)
    if not message:
        raise BadFile("The report does not say which file it is about.")
    return Status(message, list(_refused(report)))


def _refused(report: Element) -> Iterator[Refused]:
    for group in all_of(report, "OrgnlGrpInfAndSts"):
        if text_of(group, "GrpSts") == REJECTED:
            yield Refused("", "", _code(group))
    for batch in all_of(report, "OrgnlPmtInfAndSts"):
        name = tidy(text_of(batch, "OrgnlPmtInfId"), 35)
        orders = all_of(batch, "TxInfAndSts")
        if text_of(batch, "PmtInfSts") == REJECTED and not orders:
            yield Refused(name, "", _code(batch))
        for one in orders:
            if text_of(one, "TxSts") == REJECTED:
                yield Refused(name, tidy(text_of(one, "OrgnlEndToEndId"), 35), _code(one))


def _code(element: Element) -> str:
    return tidy(text_of(element, "StsRsnInf/Rsn/Cd", "StsRsnInf/Rsn/Prtry"), 4)
