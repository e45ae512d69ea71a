"""Texts that the law wants printed on a document, by the seller's country.

Source: code de commerce, L441-9 and D441-5; EN 16931 note subjects PMT, PMD, AAB (French profile)
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


def notes_for(country: str, language: str) -> tuple[Note, ...]:
    """Return the notes that a seller of this country must print."""
    if country != "FR":
        return ()
    return tuple(Note(texts[language], subject) for subject, texts in _FRENCH.items())
