"""Pages of invoices."""

from django.urls import path

from billing.invoicing import spent, views

app_name = "invoices"
urlpatterns = [
    path("", views.listing, name="list"),
    path("export.csv", views.export, name="export"),
    path("of-contract/<str:reference>", views.of_contract, name="of_contract"),
    path("cost-so-far/<str:reference>", views.cost_so_far, name="cost_so_far"),
    path("spent/<str:reference>", spent.fragment, name="spent"),
    path("<str:reference>", views.detail, name="detail"),
    path("<str:reference>/lines/<int:position>", views.line, name="line"),
    path("<str:reference>/lines.csv", views.lines_csv, name="lines_csv"),
    path("<str:reference>/changes", views.changes, name="changes"),
    path("<str:reference>/issue", views.issue, name="issue"),
    path("<str:reference>/discard", views.discard, name="discard"),
    path("<str:reference>/credit", views.credit, name="credit"),
    path("<str:reference>/pdf", views.pdf, name="pdf"),
    path("<str:reference>/xml", views.xml, name="xml"),
]
