"""Every word printed on a document, in every language that we print."""

from collections.abc import Mapping

_LABELS: Mapping[str, Mapping[str, str]] = {
    "invoice": {"en": "Invoice", "fr": "Facture", "de": "Rechnung"},
    "credit_note": {"en": "Credit note", "fr": "Avoir", "de": "Rechnungskorrektur"},
    "number": {"en": "Number", "fr": "Numéro", "de": "Nummer"},
    "issued_on": {"en": "Date of issue", "fr": "Date d'émission", "de": "Ausgestellt am"},
    "due_on": {"en": "Date due", "fr": "Date d'échéance", "de": "Fällig am"},
    "period": {"en": "Service period", "fr": "Période", "de": "Leistungszeitraum"},
    "contract": {"en": "Contract", "fr": "Contrat", "de": "Vertrag"},
    "buyer_reference": {"en": "Your reference", "fr": "Votre référence", "de": "Ihr Zeichen"},
    "corrects": {"en": "Corrects", "fr": "Rectifie", "de": "Berichtigt"},
    "seller": {"en": "From", "fr": "Émetteur", "de": "Von"},
    "buyer": {"en": "Bill to", "fr": "Facturé à", "de": "An"},
    "legal_id": {"en": "Registration no.", "fr": "N° d'immatriculation", "de": "Register-Nr."},
    "siren": {"en": "SIREN", "fr": "SIREN", "de": "SIREN"},
    "vat_number": {"en": "VAT no.", "fr": "N° TVA", "de": "USt-IdNr."},
    "description": {"en": "Description", "fr": "Désignation", "de": "Beschreibung"},
    "quantity": {"en": "Quantity", "fr": "Quantité", "de": "Menge"},
    "unit_price": {"en": "Unit price", "fr": "Prix unitaire", "de": "Einzelpreis"},
    "tax": {"en": "VAT", "fr": "TVA", "de": "USt."},
    "net": {"en": "Net amount", "fr": "Montant HT", "de": "Netto"},
    "basis": {"en": "Taxable amount", "fr": "Base HT", "de": "Bemessungsgrundlage"},
    "subtotal": {"en": "Subtotal without VAT", "fr": "Total HT", "de": "Summe netto"},
    "total": {"en": "Total", "fr": "Total TTC", "de": "Summe brutto"},
    "paid": {"en": "Already paid", "fr": "Déjà payé", "de": "Bereits bezahlt"},
    "due": {"en": "Amount due", "fr": "Net à payer", "de": "Zu zahlen"},
    "credited": {"en": "Amount credited", "fr": "Montant de l'avoir", "de": "Gutgeschrieben"},
    "pay": {
        "en": "Pay by bank transfer",
        "fr": "Payer par virement",
        "de": "Zahlung per Überweisung",
    },
    "payee": {"en": "Payee", "fr": "Bénéficiaire", "de": "Empfänger"},
    "iban": {"en": "IBAN", "fr": "IBAN", "de": "IBAN"},
    "bic": {"en": "BIC", "fr": "BIC", "de": "BIC"},
    "payment_reference": {"en": "Reference", "fr": "Référence", "de": "Verwendungszweck"},
    "scan": {
        "en": "Scan with your bank's app",
        "fr": "À scanner avec l'application de votre banque",
        "de": "Mit Ihrer Banking-App scannen",
    },
    "page": {"en": "Page", "fr": "Page", "de": "Seite"},
    "of": {"en": "of", "fr": "sur", "de": "von"},
}
_DUE_BY = {
    "en": "{amount} due {day}",
    "fr": "{amount} à payer le {day}",
    "de": "{amount} fällig am {day}",
}
_AMOUNT = {"en": "{label}: {amount}", "fr": "{label} : {amount}", "de": "{label}: {amount}"}
_SAMPLES = {
    "en": ("{count} sample, {days}", "{count} samples, {days}"),
    "fr": ("{count} relevé, {days}", "{count} relevés, {days}"),
    "de": ("{count} Messwert, {days}", "{count} Messwerte, {days}"),
}
_USED = {
    "en": "{used} used, {included} included",
    "fr": "{used} consommés, {included} inclus",
    "de": "{used} verbraucht, {included} enthalten",
}
_DAYS = {
    "en": "{first} to {last}",
    "fr": "du {first} au {last}",
    "de": "{first} bis {last}",
}
_IN_SERVICE = {"en": "In service {days}", "fr": "En service {days}", "de": "In Betrieb {days}"}


_LINES_IN = {
    "en": "{count} lines, in the attached file {file}",
    "fr": "{count} lignes, dans le fichier joint {file}",
    "de": "{count} Positionen, in der angehängten Datei {file}",
}


def lines_in(language: str, *, count: str, file: str) -> str:
    """Return how many lines a printed row stands for, and which file holds them."""
    return _LINES_IN[language].format(count=count, file=file)


def labels_in(language: str) -> dict[str, str]:
    """Return every label in one language."""
    return {name: texts[language] for name, texts in _LABELS.items()}


def due_by(language: str, *, amount: str, day: str) -> str:
    """Return the sentence that says what is to be paid, and until when."""
    return _DUE_BY[language].format(amount=amount, day=day)


def amount_of(language: str, *, label: str, amount: str) -> str:
    """Return an amount behind its label; French sets a space before the colon."""
    return _AMOUNT[language].format(label=label, amount=amount)


def days(language: str, *, first: str, last: str) -> str:
    """Return a range of days in words; one day alone stands alone."""
    return first if first == last else _DAYS[language].format(first=first, last=last)


def samples(language: str, *, many: bool, count: str, days: str) -> str:
    """Return how many samples an amount rests on."""
    return _SAMPLES[language][many].format(count=count, days=days)


def used(language: str, *, used: str, included: str) -> str:
    """Return what was used and how much of it the price includes."""
    return _USED[language].format(used=used, included=included)


def in_service(language: str, *, days: str) -> str:
    """Return on which days a service existed."""
    return _IN_SERVICE[language].format(days=days)
