"""Three charts of accounts as data: a French one, a German one, and a simple one. Pure.

The French is an extract of the plan comptable général (ANC 2014-03, as of 2025), the German of the
SKR03, both with the accounts that a service provider books on; `docs/accounting.md` says how one is
chosen.
"""

from collections.abc import Mapping

from billing.ledger.chart import Chart, Nature, chart

_ASSET, _LIABILITY, _EQUITY = Nature.ASSET, Nature.LIABILITY, Nature.EQUITY
_INCOME, _EXPENSE = Nature.INCOME, Nature.EXPENSE

PCG = chart(
    "pcg",
    "Plan comptable général (France)",
    ("101", "Capital", _EQUITY, ""),
    ("110", "Retained earnings", _EQUITY, ""),
    ("120", "Result of the year (profit)", _EQUITY, "result"),
    ("129", "Result of the year (loss)", _EQUITY, "result.loss"),
    ("164", "Loans", _LIABILITY, ""),
    ("2183", "Computer equipment", _ASSET, ""),
    ("2818", "Depreciation of equipment", _ASSET, ""),
    ("401", "Suppliers", _LIABILITY, ""),
    ("411", "Customers", _ASSET, "receivable"),
    ("416", "Doubtful customers", _ASSET, ""),
    ("4191", "Advances of customers", _LIABILITY, "credit_balance"),
    ("421", "Staff", _LIABILITY, ""),
    ("431", "Social security", _LIABILITY, ""),
    ("44551", "VAT to pay", _LIABILITY, ""),
    ("44566", "VAT deductible", _ASSET, ""),
    ("44571", "VAT collected", _LIABILITY, "tax"),
    ("467", "Other debtors and creditors", _LIABILITY, ""),
    ("486", "Prepaid expenses", _ASSET, ""),
    ("487", "Deferred revenue", _LIABILITY, "deferred"),
    ("512", "Bank", _ASSET, "bank"),
    ("530", "Cash", _ASSET, ""),
    ("580", "Transfers between accounts", _ASSET, "transit"),
    ("606", "Supplies and energy", _EXPENSE, ""),
    ("611", "Subcontracting", _EXPENSE, ""),
    ("613", "Rent", _EXPENSE, ""),
    ("622", "Fees", _EXPENSE, ""),
    ("626", "Telecommunication", _EXPENSE, ""),
    ("627", "Bank charges", _EXPENSE, "bank_charges"),
    ("641", "Wages", _EXPENSE, ""),
    ("654", "Irrecoverable receivables", _EXPENSE, "write_off"),
    ("656", "Exchange losses on receivables", _EXPENSE, "exchange_loss"),
    ("6811", "Depreciation", _EXPENSE, ""),
    ("7061", "Subscriptions", _INCOME, "revenue.recurring revenue"),
    ("7062", "Usage", _INCOME, "revenue.metered"),
    ("7063", "Set-up fees", _INCOME, "revenue.setup"),
    ("709", "Rebates granted", _INCOME, ""),
    ("756", "Exchange gains on receivables", _INCOME, "exchange_gain"),
    ("758", "Other income", _INCOME, "fee"),
    ("7588", "Expired credit of customers", _INCOME, "expired"),
    ("890", "Opening balance", _EQUITY, "opening"),
)

SKR03 = chart(
    "skr03",
    "SKR03 (Germany)",
    ("0410", "Business equipment", _ASSET, ""),
    ("0800", "Subscribed capital", _EQUITY, ""),
    ("0860", "Profit carried forward", _EQUITY, "result"),
    ("0868", "Loss carried forward", _EQUITY, "result.loss"),
    ("0980", "Prepaid expenses", _ASSET, ""),
    ("0990", "Deferred revenue", _LIABILITY, "deferred"),
    ("1000", "Cash", _ASSET, ""),
    ("1200", "Bank", _ASSET, "bank"),
    ("1360", "Money in transit", _ASSET, "transit"),
    ("1400", "Trade receivables", _ASSET, "receivable"),
    ("1460", "Doubtful receivables", _ASSET, ""),
    ("1576", "Input tax 19 %", _ASSET, ""),
    ("1600", "Trade payables", _LIABILITY, ""),
    ("1710", "Advances of customers", _LIABILITY, "credit_balance"),
    ("1740", "Wages payable", _LIABILITY, ""),
    ("1770", "VAT", _LIABILITY, "tax"),
    ("1771", "VAT 7 %", _LIABILITY, "tax.DE.7.00"),
    ("1776", "VAT 19 %", _LIABILITY, "tax.DE.19.00"),
    ("1780", "VAT prepayments", _LIABILITY, ""),
    ("2150", "Exchange losses", _EXPENSE, "exchange_loss"),
    ("2400", "Irrecoverable receivables", _EXPENSE, "write_off"),
    ("2660", "Exchange gains", _INCOME, "exchange_gain"),
    ("2700", "Other income", _INCOME, "fee"),
    ("2709", "Expired credit of customers", _INCOME, "expired"),
    ("4100", "Wages", _EXPENSE, ""),
    ("4210", "Rent", _EXPENSE, ""),
    ("4240", "Energy", _EXPENSE, ""),
    ("4830", "Depreciation", _EXPENSE, ""),
    ("4920", "Telecommunication", _EXPENSE, ""),
    ("4950", "Legal and consulting fees", _EXPENSE, ""),
    ("4970", "Bank charges", _EXPENSE, "bank_charges"),
    ("8200", "Sales", _INCOME, "revenue"),
    ("8300", "Sales at 7 %", _INCOME, "revenue.S.7.00 7%"),
    ("8336", "Services taxed in another EU country (section 13b)", _INCOME, "revenue.AE"),
    ("8338", "Services taxable outside the EU", _INCOME, "revenue.G"),
    ("8400", "Sales at 19 %", _INCOME, "revenue.S.19.00 19%"),
    ("9000", "Balances carried forward", _EQUITY, "opening"),
)

SIMPLE = chart(
    "simple",
    "Simple",
    ("1000", "Bank", _ASSET, "bank"),
    ("1010", "Cash", _ASSET, ""),
    ("1050", "Money on its way", _ASSET, "transit"),
    ("1100", "Customers", _ASSET, "receivable"),
    ("1500", "Equipment", _ASSET, ""),
    ("2000", "Suppliers", _LIABILITY, ""),
    ("2100", "Credit of customers", _LIABILITY, "credit_balance"),
    ("2200", "Tax collected", _LIABILITY, "tax"),
    ("2400", "Deferred revenue", _LIABILITY, "deferred"),
    ("3000", "Equity", _EQUITY, ""),
    ("3100", "Results of years", _EQUITY, "result"),
    ("3900", "Opening balance", _EQUITY, "opening"),
    ("4000", "Subscriptions", _INCOME, "revenue.recurring revenue"),
    ("4010", "Usage", _INCOME, "revenue.metered"),
    ("4020", "Set-up fees", _INCOME, "revenue.setup"),
    ("4030", "Fees of late payers", _INCOME, "fee"),
    ("4040", "Expired credit of customers", _INCOME, "expired"),
    ("4900", "Exchange gains", _INCOME, "exchange_gain"),
    ("6000", "Running costs", _EXPENSE, ""),
    ("6100", "Bank charges", _EXPENSE, "bank_charges"),
    ("6200", "Bad debts", _EXPENSE, "write_off"),
    ("6900", "Exchange losses", _EXPENSE, "exchange_loss"),
)

CHARTS: Mapping[str, Chart] = {one.key: one for one in (PCG, SKR03, SIMPLE)}
_OF_COUNTRY = {"FR": PCG.key, "DE": SKR03.key}


def usual_for(country: str) -> str:
    """Return the chart that books in this country start with."""
    return _OF_COUNTRY.get(country, SIMPLE.key)
