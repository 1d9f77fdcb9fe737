"""Writes the rules, their tests and the dashboards: `python -m deploy.monitoring`."""

from deploy.monitoring.files import files

if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
