"""Figures of the page from Chromium's trace."""

from landmarks.benchmark.review import presented_ms


def record(key: str, began: int, heard: int | None, shown: int | None) -> list[dict]:
    """One movement's events, ms; without `heard` a newer movement overtakes it."""

    def event(name: str, phase: str, ms: int, **args) -> dict:
        return {"name": name, "ph": phase, "ts": ms * 1000, "id2": {"local": key}, "args": args}

    found = [event("EventLatency", "b", began, event_latency={"event_type": "MOUSE_DRAGGED"})]
    if heard is not None:
        found.append(event("RendererMainProcessing", "b", heard))
        found.append(event("SwapEndToPresentationCompositorFrame", "e", shown))
    return [*found, event("EventLatency", "e", shown or began + 1)]


def test_a_movement_counts_until_the_frame_that_shows_it_or_a_later_one():
    trace = [
        {"name": "Paint", "ph": "X", "ts": 1},
        *record("1", 0, 10, 20),
        *record("2", 8, None, None),  # overtakes nothing, and is shown with the first
        *record("3", 12, None, None),  # after the page has heard: in the next frame
        *record("1", 21, 26, 40),  # Chromium gives a key again
    ]
    assert presented_ms(trace) == [20, 12, 28, 19]
