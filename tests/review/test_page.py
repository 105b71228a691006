"""The page in a browser: what a person does, and what the store then holds."""

import json


def open_case(page, title: str) -> None:
    page.click(f".case:has(strong:text-is('{title}'))")
    page.wait_for_selector(f".panel-head h2:text-is('{title}')")
    page.wait_for_selector(".point[data-symbol=S]")


def place(server, symbol: str, case: int = 1) -> dict:
    return server.json("GET", f"/api/cases/{case}")["facts"][f"point/{symbol}"]["value"]


def centre(page, symbol: str) -> tuple[float, float]:
    box = page.locator(f".point[data-symbol='{symbol}'] .shape").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def drag(page, symbol: str, dx: float, dy: float) -> None:
    x, y = centre(page, symbol)
    page.mouse.move(x, y)
    page.mouse.down()
    for step in range(1, 6):
        page.mouse.move(x + dx * step / 5, y + dy * step / 5)
    page.mouse.up()
    saved(page)


def until(page, done, *, seconds: float = 15) -> None:
    """Waits for what the page's own scripts bring about; its policy forbids evaluating strings in it."""
    for _ in range(int(40 * seconds)):
        if done():
            return
        page.wait_for_timeout(25)
    raise AssertionError(f"did not happen within {seconds} s")


def saved(page) -> None:
    page.wait_for_selector("#saved.saved")


def zoom_of(page, server) -> float:
    a, b = place(server, "S"), place(server, "N")
    (ax, ay), (bx, by) = centre(page, "S"), centre(page, "N")
    return ((ax - bx) ** 2 + (ay - by) ** 2) ** 0.5 / ((a["x"] - b["x"]) ** 2 + (a["y"] - b["y"]) ** 2) ** 0.5


def test_correct_a_film(open_page, server):
    page = open_page()
    open_case(page, "a")
    first = place(server, "S")
    zoom = zoom_of(page, server)
    drag(page, "S", 40, 20)
    moved = place(server, "S")
    assert abs(moved["x"] - first["x"] - 40 / zoom) < 1.0
    assert abs(moved["y"] - first["y"] - 20 / zoom) < 1.0
    assert moved["by"] == "hand"
    for keys, dx in (("ArrowRight", 1), ("Shift+ArrowLeft", -10), ("Alt+ArrowRight", 0.1)):
        before = place(server, "S")["x"]
        page.keyboard.press(keys)
        until(page, lambda x=before + dx: abs(place(server, "S")["x"] - x) < 0.01)
    for _ in range(4):
        page.keyboard.press("Control+z")
    page.wait_for_selector("#undo:disabled")
    saved(page)
    assert {**place(server, "S"), "visible": True} == first
    for _ in range(4):
        page.keyboard.press("Control+Shift+z")
    page.wait_for_selector("#redo:disabled")
    saved(page)
    assert abs(place(server, "S")["x"] - moved["x"] - 1 + 10 - 0.1) < 0.01
    page.keyboard.press("r")
    page.wait_for_selector(".point.sure[data-symbol=S]")
    saved(page)
    assert place(server, "S") == first
    page.reload()
    page.wait_for_selector("body.ready")
    open_case(page, "a")
    # undo works after a reload
    page.click("#undo")
    page.wait_for_selector(".point.hand[data-symbol=S]")


def drawn(page, layer: str, at: tuple[float, float] | None = None) -> int:
    """How many pixels of a canvas over the film have the colour of a construction; of any colour within 8 px of a place."""
    return page.evaluate(
        """([layer, at]) => {
            const canvas = document.querySelector(`canvas.${layer}`), box = canvas.getBoundingClientRect();
            const part = at ? [at[0] - box.x - 8, at[1] - box.y - 8, 16, 16] : [0, 0, canvas.width, canvas.height];
            const { data } = canvas.getContext('2d').getImageData(...part);
            let count = 0;
            for (let i = 0; i < data.length; i += 4) {
                const [red, green, blue, alpha] = data.slice(i, i + 4);
                count += at ? alpha > 0 : alpha > 200 && red > 200 && green < 120 && blue > 120;
            }
            return count;
        }""",
        [layer, at],
    )


def test_values_and_lines_follow_a_point_while_it_is_dragged(open_page, server):
    page = open_page()
    open_case(page, "a")
    page.click(".panel-body [data-name=steiner]")
    page.wait_for_selector("tr[data-name=SNA] small")
    page.click("tr[data-name=SNA] button")
    first = page.inner_text("tr[data-name=SNA] .value")
    until(page, lambda: drawn(page, "lines"))
    x, y = centre(page, "N")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y, steps=3)
    page.wait_for_selector("canvas.live:visible")
    until(page, lambda: page.inner_text("tr[data-name=SNA] .value").split()[0] != first.split()[0])
    # point and lines are drawn where the pointer is, and no longer where they were
    assert drawn(page, "live")
    assert drawn(page, "live", (x + 30, y))
    assert not drawn(page, "lines")
    assert page.locator(".point.held[data-symbol=N]:focus").evaluate("(node) => getComputedStyle(node).opacity") == "0"
    assert place(server, "N")["by"] == "model"
    # given up: everything is as it was
    page.keyboard.press("Escape")
    page.mouse.up()
    until(page, lambda: page.inner_text("tr[data-name=SNA] .value").split()[0] == first.split()[0])
    assert place(server, "N")["by"] == "model"
    until(page, lambda: drawn(page, "lines") and page.locator("canvas.live:visible, .held").count() == 0)
    assert abs(centre(page, "N")[0] - x) < 1


def test_doubtful_points_by_keyboard_until_signed(open_page, server):
    page = open_page()
    open_case(page, "a")
    assert page.locator(".point.doubtful").count() == 2
    for _ in range(2):
        page.keyboard.press("n")
        symbol = page.evaluate("document.activeElement.dataset.symbol")
        assert symbol in ("B", "Go")
        page.keyboard.press("ArrowUp")
        page.wait_for_selector(f".point.hand[data-symbol={symbol}]")
    page.keyboard.press("n")
    page.wait_for_selector(".toast:has-text('No doubtful landmark left')")
    page.keyboard.press("Tab")
    page.keyboard.press("h")
    page.wait_for_selector(".point.hidden")
    page.keyboard.press("Delete")
    until(page, lambda: page.locator(".point").count() == 26)
    saved(page)
    page.keyboard.press("s")
    page.wait_for_selector(".panel-head .state.signed")
    saved(page)
    case = server.json("GET", "/api/cases/1")
    assert case["case"]["state"] == "signed"
    assert case["facts"]["signed"]["value"] == {"who": "Dr. A"}
    # a signed case does not change
    page.keyboard.press("n")
    page.focus(".point[data-symbol=S]")
    page.keyboard.press("ArrowUp")
    page.wait_for_selector(".toast.warn:has-text('signed')")
    assert place(server, "S")["by"] == "model"
    page.click("#reopen")
    page.wait_for_selector("#sign")


def test_place_missing_points_and_measure_with_a_ruler(open_page, server):
    page = open_page()
    open_case(page, "a")
    page.click("[role=tab][data-name=points]")
    page.focus(".point[data-symbol=S]")
    page.keyboard.press("Delete")
    page.click(".points-list .absent")
    box = page.locator("#stage").bounding_box()
    page.mouse.click(box["x"] + 200, box["y"] + 200)
    page.wait_for_selector(".point.hand[data-symbol=S]")
    saved(page)
    assert place(server, "S")["by"] == "hand"
    page.click("[role=tab][data-name=analysis]")
    page.wait_for_selector("#scale-line:has-text('Scale unknown')")
    assert " mm" not in page.inner_text("#table")
    page.click("#ruler")
    page.mouse.move(box["x"] + 100, box["y"] + 300)
    page.mouse.down()
    page.mouse.move(box["x"] + 300, box["y"] + 300, steps=4)
    page.mouse.up()
    page.fill("dialog input[name=mm]", "50")
    page.keyboard.press("Enter")
    page.wait_for_selector("#scale-line:has-text('by ruler')")
    saved(page)
    scale = server.json("GET", "/api/cases/1")["facts"]["scale"]["value"]
    x1, _, x2, _ = scale["ends"]
    assert abs(scale["sx"] * (x2 - x1) - 50) < 1e-6
    page.wait_for_selector("#table td.value:has-text(' mm')")


def test_ruler_and_signature_by_keyboard(open_page, server):
    page = open_page()
    page.keyboard.press("]")
    page.wait_for_selector("#table .value")
    page.keyboard.press("m")
    for keys in ("Shift+ArrowLeft", "Enter", "Shift+ArrowRight", "Shift+ArrowRight", "Enter"):
        page.keyboard.press(keys)
    page.keyboard.type("50")
    page.keyboard.press("Enter")
    page.wait_for_selector("#scale-line:has-text('by ruler')")
    saved(page)
    scale = server.json("GET", "/api/cases/1")["facts"]["scale"]["value"]
    x1, y1, x2, y2 = scale["ends"]
    assert abs(scale["sx"] * (x2 - x1) - 50) < 1e-6
    assert abs(y1 - y2) < 1e-6
    # the panel is drawn anew when the case is signed, and keeps the focus
    page.focus("tr[data-name=SNA] button")
    page.keyboard.press("s")
    page.wait_for_selector("#reopen")
    assert page.evaluate("document.activeElement.closest('tr').dataset.name") == "SNA"


def test_two_windows_see_each_other_and_overwrite_nothing(open_page, server):
    first, second = open_page(), open_page(who="Dr. B")
    open_case(first, "a")
    open_case(second, "a")
    drag(first, "S", 30, 0)
    second.wait_for_selector(".point.hand[data-symbol=S]", timeout=1000)
    moved = place(server, "S")
    # both at once: what the slower one did is not written before it says so
    stale = moved["x"] + 50
    assert server.move(1, "N", stale, 5, seen=0)[0] == 409
    held = []
    second.route("**/actions", lambda route: held.append(route), times=1)
    second.focus(".point[data-symbol=N]")
    second.keyboard.press("Shift+ArrowDown")
    until(second, lambda: held)
    drag(first, "N", 0, -25)
    theirs = place(server, "N")
    held[0].continue_()
    second.wait_for_selector(".toast.warn:has-text('changed in another window')")
    assert place(server, "N") == theirs
    second.click(".toast button:text-is('Keep mine')")
    until(second, lambda: place(server, "N") != theirs)


def test_a_full_disk_is_said_and_the_change_saved_once_there_is_room(open_page, server):
    page = open_page()
    open_case(page, "a")
    full = {"status": 507, "content_type": "application/json", "body": '{"error": "database or disk is full"}'}
    page.route("**/actions", lambda route: route.fulfill(**full), times=1)
    page.focus(".point[data-symbol=S]")
    before = place(server, "S")["y"]
    page.keyboard.press("Shift+ArrowDown")
    page.wait_for_selector("#saved.unsaved:has-text('NOT SAVED: the disk is full')")
    assert place(server, "S")["y"] == before
    # its case may be left and opened again meanwhile
    page.click(".case:has(strong:text-is('b'))")
    page.wait_for_selector(".panel-head h2:text-is('b')")
    open_case(page, "a")
    page.wait_for_selector(".point.hand[data-symbol=S]")
    saved(page)
    assert abs(place(server, "S")["y"] - before - 10) < 0.01
    page.focus(".point[data-symbol=S]")
    page.keyboard.press("Shift+ArrowDown")
    until(page, lambda: abs(place(server, "S")["y"] - before - 20) < 0.01)
    assert page.locator(".toast.warn").count() == 0


def test_markup_stays_text(open_page, server, blank_film):
    evil = "<img src=x onerror=alert(1)>"
    _, _, content = server.ask("POST", "/api/films", blank_film, x_file_name="%3Cimg src=x onerror=alert(1)%3E.png")
    case = json.loads(content)["case"]["id"]
    for kind, name in (("note", "note"), ("patient", "patient")):
        change = {"field": name, "value": evil, "seen": 0}
        status, _, _ = server.ask(
            "POST", f"/api/cases/{case}/actions", {"kind": kind, "who": evil, "window": "w", "changes": [change]}
        )
        assert status == 200
    page = open_page()
    page.click(f"#case-{case}")
    page.click("[role=tab][data-name=case]")
    assert page.input_value("textarea[name=note]") == evil
    page.click("[role=tab][data-name=history]")
    page.wait_for_selector(f".history em:text-is('{evil}')")
    assert page.locator("img[onerror]").count() == 0
    assert page.locator(".panel-head h2").inner_text() == evil
