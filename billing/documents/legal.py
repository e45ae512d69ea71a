"""Texts that the law wants printed on a document, by the seller's country or by the tax.

Source: code de commerce, L441-9 and D441-5; EN 16931 note subjects PMT, PMD, AAB (French profile);
directive 2006/112/EC, article 226 (11a)
"""

from collections.abc import Mapping

from billing.documents.snapshot import Note

_FRENCH: Mapping[str, Mapping[str, str]] = {
    "PMT": {
        "en": "A fixed charge of 40 EUR for recovery costs is due on late payment.",
        "fr": "Indemnité forfaitaire pour frais de recouvrement en cas de retard : 40 €.",
        "de": "Bei Zahlungsverzug wird eine Pauschale von 40 EUR für Beitreibungskosten fällig.",
    },
    "PMD": {
        "en": "Penalty on late payment: three times the French legal interest rate.",
        "fr": "Pénalités de retard : trois fois le taux d'intérêt légal.",
        "de": "Verzugszinsen: das Dreifache des französischen gesetzlichen Zinssatzes.",
    },
    "AAB": {
        "en": "No discount for early payment.",
        "fr": "Pas d'escompte pour paiement anticipé.",
        "de": "Kein Skonto bei vorzeitiger Zahlung.",
    },
}
_NO_TAX: Mapping[str, Mapping[str, str]] = {
    "AE": {
        "en": "Reverse charge",
        "fr": "Autoliquidation",
        "de": "Steuerschuldnerschaft des Leistungsempfängers",
    },
    "G": {
        "en": "Supplied outside the European Union",
        "fr": "Prestation hors de l'Union européenne",
        "de": "Leistung außerhalb der Europäischen Union",
    },
    "O": {
        "en": "Not subject to VAT",
        "fr": "Hors du champ de la TVA",
        "de": "Nicht umsatzsteuerbar",
    },
}


def reason_for(category: str, language: str) -> str:
    """Return why a tax category bears no tax, as the law wants it named; nothing where it does."""
    return _NO_TAX.get(category, {}).get(language, "")


def notes_for(country: str, language: str) -> tuple[Note, ...]:
    """Return the notes that a seller of this country must print."""
    if country != "FR":
        return ()
    return tuple(Note(texts[language], subject) for subject, texts in _FRENCH.items())
