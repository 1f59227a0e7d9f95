"""A person at the page, in headless Chromium. serve_page.py CASE URL FOLDER

FOLDER holds report.docx, which has the label id=8888, and clean.docx, the same without it.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

from serve import ASYNC, call, ended, expect, metadata

URL, FOLDER = sys.argv[2], Path(sys.argv[3]).resolve()
TOKEN = "token-of-every-project"
SAVED = FOLDER / "saved"


def browser(profile):
    options = webdriver.ChromeOptions()
    for argument in [
        "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
        "--disable-background-networking", "--disable-component-update", "--disable-dev-shm-usage",
        f"--user-data-dir={profile}", "--window-size=1000,900",
    ]:
        options.add_argument(argument)
    options.accept_insecure_certs = True
    options.binary_location = "/usr/bin/chromium"
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    options.add_experimental_option("prefs", {"download.default_directory": str(SAVED)})
    return webdriver.Chrome(options=options, service=webdriver.ChromeService("/usr/bin/chromedriver"))


def person(page):
    find = lambda selector: page.find_element(By.CSS_SELECTOR, selector)
    until = lambda is_so: WebDriverWait(page, 20).until(lambda _: is_so())
    press = lambda key: ActionChains(page).send_keys(key).perform()
    focused = lambda: page.switch_to.active_element.get_attribute("id")

    def tab_to(name):
        for _ in range(40):
            if focused() == name:
                return
            press(Keys.TAB)
        raise AssertionError(f"{name} is not reached by the keyboard")

    page.get(URL + "/")
    # Without a token nothing is told.
    find("#file").send_keys(str(FOLDER / "report.docx"))
    until(lambda: find("#error").text)
    assert "a token that the server knows" in find("#error").text and not find("#labels").is_displayed()
    assert focused() == "token"

    # By the keyboard alone: the token, the label, the button.
    find("#token").send_keys(TOKEN + Keys.TAB)
    until(lambda: find("#labels").is_displayed())
    assert find("#error").text == "" and "report.docx (ooxml)" in find("#labels-title").text
    rows = {row.find_elements(By.TAG_NAME, "td")[1].text: row for row in page.find_elements(By.CSS_SELECTOR, "#rows tr")}
    cells = [cell.text for cell in rows["id"].find_elements(By.TAG_NAME, "td")]
    assert cells[1:] == ["id", "8888", "custom", "custom:id at docProps/custom.xml"], cells
    assert not find("#strip").is_enabled()
    tab_to(rows["id"].find_element(By.TAG_NAME, "input").get_attribute("id"))
    press(Keys.SPACE)
    assert find("#strip").text == "Remove 1 label"
    tab_to("strip")
    press(Keys.ENTER)
    until(lambda: find("#result").is_displayed())
    assert focused() == "result-title" and "stripped" in find("#outcome").text, find("#outcome").text
    statuses = [cell.text for cell in page.find_elements(By.CSS_SELECTOR, "#statuses td")]
    assert statuses[:3] == ["id", "8888", "removed"], statuses

    # Both files are saved.
    for link in ["cleaned", "report"]:
        tab_to(link)
        press(Keys.ENTER)
    cleaned, report = SAVED / "report.docx", SAVED / "report.docx.report.json"
    until(lambda: cleaned.exists() and report.exists())
    assert cleaned.read_bytes() == (FOLDER / "clean.docx").read_bytes()
    assert json.loads(report.read_text())["labels"][0]["status"] == "removed"

    # The jobs, and a file that no format treats.
    fields = metadata()
    expect(call(fields=fields, url=ASYNC), 202)
    ended(fields["queryID"])
    find("#refresh").send_keys(Keys.ENTER)
    until(lambda: find("#jobs").is_displayed())
    assert find("#job-rows td").text == fields["queryID"] and "done" in find("#job-rows").text
    (FOLDER / "unknown.bin").write_bytes(bytes(range(256)) * 9)
    find("#file").send_keys(str(FOLDER / "unknown.bin"))
    until(lambda: find("#error").text)
    assert not find("#labels").is_displayed() and not find("#result").is_displayed()

    # What a file says is text.
    markup = "<img src=x onerror=document.title='gone'>"
    (FOLDER / "markup.md").write_text(f"---\nid: \"{markup}\"\n---\ntext\n")
    find("#file").send_keys(str(FOLDER / "markup.md"))
    until(lambda: find("#labels").is_displayed())
    assert markup in find("#rows").text and page.title == "unlabel"

    # On a phone nothing is wider than the screen.
    page.set_window_size(375, 700)
    find("#file").send_keys(str(FOLDER / "report.docx"))
    until(lambda: "report.docx" in find("#labels-title").text)
    wide = page.execute_script("return document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, wide
    # Nothing came from elsewhere, and the policy stopped nothing.
    origins = page.execute_script("return performance.getEntriesByType('resource').map((it) => new URL(it.name).origin)")
    assert set(origins) == {URL}, origins
    log = [it for it in page.get_log("browser") if it["level"] in ("WARNING", "SEVERE")]
    complaints = [it for it in log if "the server responded with a status of 4" not in it["message"]]
    assert not complaints, complaints


with tempfile.TemporaryDirectory() as profile:
    page = browser(profile)
    try:
        person(page)
    finally:
        page.quit()
