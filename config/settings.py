"""Every setting, read from the environment once (docs/operations.md lists the variables)."""

from pathlib import Path

from config import environment as env
from config.ui.assets import static_dirs

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(env.text("TENANTRY_DATA_DIR", str(BASE_DIR / "var" / "data")))

SECRET_KEY = env.text("SECRET_KEY")
FIELD_KEY = env.key("TENANTRY_FIELD_KEY")
DEBUG = env.flag("TENANTRY_DEBUG", default=False)
SECURE = env.flag("TENANTRY_HTTPS", default=False)
ALLOWED_HOSTS = env.words("TENANTRY_HOSTS", "127.0.0.1,localhost")
CSRF_TRUSTED_ORIGINS = env.words("TENANTRY_ORIGINS", "")

INSTALLED_APPS = [
    "config",
    "config.ui",
    "erp",
    "orchestration",
    "billing",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "django.forms",
    "django_htmx",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "rest_framework",
    "drf_spectacular",
]

MIDDLEWARE = [
    "config.middleware.content_security_policy",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "config.middleware.no_nul",
    "erp.customers.repeats.repeats",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "erp.customers.bearer.bearer",
    "erp.customers.view_as.ViewAs",
    "erp.base.middleware.tenant_scope",
    "erp.base.middleware.domain_errors",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.ui.context.shell",
            ],
            "builtins": ["config.ui.templatetags.ui"],
        },
    }
]
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

DATABASES = {"default": env.database("DATABASE_URL"), "owner": env.database("DATABASE_OWNER_URL")}
DATABASE_ROUTERS: list[str] = []
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = env.text("REDIS_URL")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"},
    # What all processes count together.
    "shared": {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": REDIS_URL,
        "KEY_PREFIX": "tenantry",
        "OPTIONS": {"socket_timeout": 1, "socket_connect_timeout": 1},
    },
}
# How many queues the nodes are spread over: converge, converge-1, … Each needs one worker process.
CONVERGE_LANES = env.whole("TENANTRY_CONVERGE_LANES", 1)

AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "none"
ACCOUNT_ADAPTER = "erp.customers.sign_in.ClosedSignup"
ACCOUNT_PREVENT_ENUMERATION = True
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_SESSION_REMEMBER = None
MFA_SUPPORTED_TYPES = ["totp", "recovery_codes"]
MFA_TOTP_ISSUER = "Tenantry"

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = SECURE
SECURE_SSL_REDIRECT = SECURE
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = static_dirs(BASE_DIR)
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
WHITENOISE_USE_FINDERS = DEBUG
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024

EMAIL_BACKEND = env.text("TENANTRY_MAIL_BACKEND", "django.core.mail.backends.console.EmailBackend")
EMAIL_HOST = env.text("TENANTRY_MAIL_HOST", "localhost")
EMAIL_PORT = env.whole("TENANTRY_MAIL_PORT", 25)
EMAIL_HOST_USER = env.text("TENANTRY_MAIL_USER", "")
EMAIL_HOST_PASSWORD = env.text("TENANTRY_MAIL_PASSWORD", "")
EMAIL_USE_TLS = env.flag("TENANTRY_MAIL_STARTTLS", default=False)
EMAIL_USE_SSL = env.flag("TENANTRY_MAIL_TLS", default=False)
# For each answer of the mail server; a mail is claimed for five minutes.
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = env.text("TENANTRY_MAIL_FROM", "tenantry@localhost")

# Where mails about tickets come in: their address, and what becomes of those of strangers
# (aside, open, ignore). They come by `manage.py mail_in` or are fetched over IMAP.
MAIL_IN_ADDRESS = env.text("TENANTRY_MAIL_IN_ADDRESS", "")
MAIL_IN_STRANGERS = env.one_of("TENANTRY_MAIL_IN_STRANGERS", ("aside", "open", "ignore"))
IMAP_HOST = env.text("TENANTRY_IMAP_HOST", "")
IMAP_TLS = env.flag("TENANTRY_IMAP_TLS", default=True)
IMAP_PORT = env.whole("TENANTRY_IMAP_PORT", 993)
IMAP_USER = env.text("TENANTRY_IMAP_USER", "")
IMAP_PASSWORD = env.text("TENANTRY_IMAP_PASSWORD", "")
IMAP_FOLDER = env.text("TENANTRY_IMAP_FOLDER", "INBOX")

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "erp.customers.bearer.BearerAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_THROTTLE_CLASSES": ["erp.customers.bearer.TokenThrottle"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["erp.base.parsers.ShallowJSON"],
    "DEFAULT_SCHEMA_CLASS": "config.api_schema.Schema",
    "DEFAULT_PAGINATION_CLASS": "erp.base.api.ReferenceCursor",
    "PAGE_SIZE": 50,
    "EXCEPTION_HANDLER": "erp.base.api.problem",
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Tenantry",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.0",
    "DESCRIPTION": "All that the pages can do. Start with docs/api.md.",
    # The same word may be a choice of many things: choices stand where they are used.
    "POSTPROCESSING_HOOKS": [],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
}

# Where rating reads usage: the port is erp.ports.UsageSource, the answer is orchestration's.
USAGE_SOURCE = "orchestration.metering.source.StoredUsage"
# Whom the sweep of old samples asks what is billed for good: erp.ports.SettlementSource.
COST_SOURCE = "orchestration.metering.costs.NodeCosts"
SETTLEMENT_SOURCE = "billing.rating.source.BilledUsage"
# Who keeps prepaid credit; invoicing asks it when an invoice is issued.
PREPAID_SOURCE = "billing.payments.prepaid.PrepaidReceipts"
# How long single samples are kept at least; their sums by hour and day stay.
SAMPLES_KEPT_DAYS = env.whole("TENANTRY_SAMPLES_KEPT_DAYS", 400)
# Where credits read how services kept their promises: the port is erp.ports.AvailabilitySource.
AVAILABILITY_SOURCE = "orchestration.monitoring.source.RecordedAvailability"
# Where orders read the schema of parameters: the port is erp.ports.ProductSource.
PRODUCT_SOURCE = "orchestration.releases.source.PublishedReleases"
# Where orders read which places there are: the port is erp.ports.PlacementSource.
PLACEMENT_SOURCE = "orchestration.allocation.source.KnownPlaces"
# Where mails find the documents that they carry: the port is erp.ports.AttachmentSource.
ATTACHMENT_SOURCE = "billing.documents.source.StoredDocuments"
# What has a name that people know, for the search and links of tickets: erp.ports.SubjectSource.
SUBJECT_SOURCES = [
    "erp.customers.subjects.Parties",
    "erp.tickets.subjects.Agreements",
    "billing.invoicing.subjects.Invoices",
    "orchestration.nodes.subjects.Machines",
]
# Seals the backups of the Master; kept where the backups are not.
BACKUP_KEY = env.key("TENANTRY_BACKUP_KEY") if env.text("TENANTRY_BACKUP_KEY", "") else None
BACKUP_DIR = Path(env.text("TENANTRY_BACKUP_DIR", str(DATA_DIR / "backups")))
BACKUP_HOURS = env.whole("TENANTRY_BACKUP_HOURS", 24)
BACKUP_KEPT = env.whole("TENANTRY_BACKUP_KEPT", 14)
# Where taken numbers are noted before they are committed; belongs on another disk.
NUMBERS_FILE = Path(env.text("TENANTRY_NUMBERS_FILE", str(DATA_DIR / "taken-numbers.jsonl")))

# Who saves an instance before a campaign changes it: orchestration.campaigns.saving.Saver.
CAMPAIGN_SAVER = "orchestration.campaigns.saving.SnapshotSaver"
# Where an event of a service is announced, so that the next step hurries: config/nudges.py.
NUDGES = "config.nudges.nudge"

# Webhooks to http and to private addresses: for development, never on a server.
WEBHOOKS_ANYWHERE = env.flag("TENANTRY_WEBHOOKS_ANYWHERE", default=False)

# How often one API token may call in a minute.
API_PER_MINUTE = env.whole("TENANTRY_API_PER_MINUTE", 600)

# Who may read /metrics; without a token there is no such page.
METRICS_TOKEN = env.text("TENANTRY_METRICS_TOKEN", "")

# Where VAT numbers of the EU are confirmed: the REST service of VIES, or a stand-in.
VIES_URL = env.text(
    "TENANTRY_VIES_URL",
    "https://ec.europa.eu/taxation_customs/vies/rest-api/check-vat-number",
)

# Where people find the portal: links in mails and in the demo.
PORTAL = env.text("TENANTRY_PORTAL", "http://127.0.0.1:8000")

# Where nodes that nobody can reach call us, as they see it: HOST:PORT of the node door.
NODE_DOOR = env.place("TENANTRY_NODE_DOOR")

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    # Says at every import that it is there.
    "loggers": {"pikepdf": {"level": "WARNING"}},
    "root": {"handlers": ["stderr"], "level": env.text("TENANTRY_LOG_LEVEL", "INFO")},
}
