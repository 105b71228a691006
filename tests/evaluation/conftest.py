"""What the tests of evaluations share."""

import pytest

from landmarks.evaluation.figures import Protocol


@pytest.fixture(scope="session")
def protocol() -> Protocol:
    return Protocol(
        format="aariz", root="x", split="all", ground_truth="mean", exclude="", landmarks=("S", "N"), labels="0",
        image_size=(64, 64), scale="mm", decoder="fit", tta=False, views=False, precision="fp32", intervals="95 %",
        num_unread=0, num_images=0, num_points=0,
    )  # fmt: skip
