"""Each sample rendered once per test process: a PDF takes half a second."""

from functools import cache

from billing.documents.rendering import Rendered, render
from tests.billing.documents.samples import GOLDEN


@cache
def rendered(name: str) -> Rendered:
    return render(GOLDEN[name]())
