"""The page of one receipt: what it paid, what is left of it, and what may be done with that."""

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.forms import Form
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET, require_POST

from billing.payments import credit, fees, queries
from billing.payments.access import receipt_for
from billing.payments.forms import FeeForm, OutForm, ShareForm, TakeOffForm
from billing.payments.models import NOT_MONEY, PayoutKind, Receipt
from erp.base.doors import UserRequest, now
from erp.base.errors import DomainError
from erp.customers.access import rights_of
from erp.customers.states import Right


@login_required
@require_GET
def detail(request: UserRequest, reference: str) -> HttpResponse:
    """Show one receipt to its payer and to who bills."""
    return _page(request, receipt_for(request.user, reference, right=_reads(request)), {})


def _reads(request: UserRequest) -> Right:
    return Right.RUN_BILLING if Right.RUN_BILLING in request.rights else Right.PAY


def _page(request: UserRequest, receipt: Receipt, forms: dict[str, Form]) -> HttpResponse:
    may_act = Right.RUN_BILLING in rights_of(request.user, receipt.issuer)
    initial = {"paid_on": now().date()}
    facts: dict[str, Any] = {
        "receipt": receipt,
        "allocations": queries.allocations_of(receipt),
        "payouts": queries.payouts_of(receipt),
        "may_act": may_act and receipt.method not in NOT_MONEY,
        "crumbs": [("Payments", "/payments/")],
        "take_off_form": TakeOffForm(receipt),
        "share_form": ShareForm(receipt),
        "fees": queries.fees_payable_by(receipt) if may_act and receipt.credit_minor > 0 else [],
        "fee_form": FeeForm(receipt),
        "refund_form": OutForm(receipt, PayoutKind.REFUND, initial=initial),
        "returned_form": OutForm(receipt, PayoutKind.RETURNED, initial=initial),
    }
    return render(request, "payments/detail.html", facts | forms, status=422 if forms else 200)


def _share(receipt: Receipt, form: Form, by: str) -> str:
    typed = form.cleaned_data
    credit.allocate(receipt, typed["invoice"], typed["amount"], at=now(), by=by)
    return f"{receipt} pays {typed['invoice']}."


def _fee(receipt: Receipt, form: Form, by: str) -> str:
    made = fees.pay(receipt, form.cleaned_data["fee"], at=now(), by=by)
    return f"{receipt} pays the fee {made.fee}."


def _refund(receipt: Receipt, form: Form, by: str) -> str:
    assert isinstance(form, OutForm), "see WORK"
    return f"Payout {credit.pay_out(receipt, form.out(), at=now(), by=by)} is recorded."


def _returned(receipt: Receipt, form: Form, by: str) -> str:
    assert isinstance(form, OutForm), "see WORK"
    made = credit.take_back(receipt, form.out(), at=now(), by=by)
    return f"{made} is recorded: what {receipt} paid is open again."


def _take_off(receipt: Receipt, form: Form, by: str) -> str:
    made = form.cleaned_data["allocation"]
    credit.undo(made, at=now(), by=by, why=form.cleaned_data["why"])
    return f"{made.invoice} is open again."


WORK: Mapping[str, tuple[Callable[[Receipt, Any], Form], Callable[[Receipt, Any, str], str]]] = {
    "take_off": (TakeOffForm, _take_off),
    "share": (lambda receipt, data: ShareForm(receipt, data), _share),
    "fee": (FeeForm, _fee),
    "refund": (lambda receipt, data: OutForm(receipt, PayoutKind.REFUND, data), _refund),
    "returned": (lambda receipt, data: OutForm(receipt, PayoutKind.RETURNED, data), _returned),
}


@login_required
@require_POST
def act(request: UserRequest, reference: str, action: str) -> HttpResponse:
    """Put credit on an invoice, pay it out, or record that the bank took the payment back."""
    receipt = receipt_for(request.user, reference, right=Right.RUN_BILLING)
    make, work = WORK[action]
    form = make(receipt, request.POST)
    try:
        if form.is_valid():
            messages.success(request, work(receipt, form, request.user.get_username()))
            return redirect("payments:detail", reference)
    except DomainError as refusal:
        form.add_error(None, str(refusal))
    return _page(request, receipt, {f"{action}_form": form})
