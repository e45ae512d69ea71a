"""Why a bank sent a payment back, in words (ISO 20022 external code set, SEPA). Pure."""

from collections.abc import Mapping

REASONS: Mapping[str, str] = {
    "AC01": "the account number is wrong",
    "AC04": "the account is closed",
    "AC06": "the account is blocked",
    "AC13": "the account is a consumer's, where a company's is needed",
    "AG01": "this account takes no direct debits",
    "AG02": "the kind of operation is wrong",
    "AM04": "there is not enough money on the account",
    "AM05": "it was presented twice",
    "BE05": "the creditor is not known to the bank",
    "CNOR": "the creditor's bank takes no part in the scheme",
    "DNOR": "the debtor's bank takes no part in the scheme",
    "FF01": "the file was written wrongly",
    "FF05": "the kind of direct debit is wrong",
    "MD01": "there is no mandate, or it was never authorised",
    "MD02": "the mandate's data is wrong or missing",
    "MD06": "the debtor asked for the money back",
    "MD07": "the debtor died",
    "MS02": "the debtor refused",
    "MS03": "the bank gives no reason",
    "RC01": "the bank's identifier is wrong",
    "RR01": "the regulator asks for more about the debtor's account",
    "RR02": "the regulator asks for the debtor's name or address",
    "RR03": "the regulator asks for the creditor's name or address",
    "RR04": "a reason of the regulator",
    "SL01": "the debtor's bank has a list that forbids it",
    "FOCR": "the payment was cancelled on request",
    "DUPL": "it was paid twice",
    "TECH": "a technical fault",
    "CUST": "the customer asked for it",
}


def in_words(code: str) -> str:
    """Return the reason in words with its code; a code that is not known is named."""
    if not code:
        return "the bank gives no reason"
    return f"{REASONS.get(code, 'a reason that is not in the list')} ({code})"


# The account or the mandate is no good: asking again brings the same, and costs.
FATAL = frozenset({"AC01", "AC04", "AC06", "AC13", "AG01", "MD01", "MD02", "MD07", "SL01"})


def ends_mandate(code: str) -> bool:
    """Return whether a mandate is void after a debit came back for this reason."""
    return code in FATAL
