"""Tests of the page in headless Chromium: `make test-browser`. The suite passes over them where Playwright is not installed."""
