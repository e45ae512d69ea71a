# Everything runs in the environment that ./test sets up (var/).
SETUP = $${PYTHON:-python3} config/embedded/bootstrap.py requirements-dev.txt test --
SERVERS = $(SETUP) -m config.embedded with-servers

.PHONY: check format bench lock screenshots test run

check:
	$(SETUP) -m ruff format --check .
	$(SETUP) -m ruff check .
	$(SETUP) -c 'import os; os.environ["PYTHONPATH"] = "."; from importlinter.cli import lint_imports_command; lint_imports_command()'
	$(SETUP) -m djlint --lint templates --quiet
	$(SERVERS) sh -c 'mypy . && python manage.py check --fail-level WARNING && python manage.py makemigrations --check --dry-run'

format:
	$(SETUP) -m ruff format .
	$(SETUP) -m ruff check --fix .

bench:
	$(SERVERS) python -m tests.bench

lock:
	uv pip compile pyproject.toml --python-version 3.11 --universal --generate-hashes --no-header -q -o requirements.txt
	uv pip compile pyproject.toml --python-version 3.11 --universal --extra embedded --generate-hashes --no-header -q -o requirements-embedded.txt
	uv pip compile pyproject.toml --python-version 3.11 --universal --extra embedded --extra dev --generate-hashes --no-header -q -o requirements-dev.txt

screenshots:
	$(SERVERS) env TENANTRY_SCREENSHOTS=1 python -m pytest -q tests/screens

test:
	./test

run:
	./run
