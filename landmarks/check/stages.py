"""Cervical stages that cannot be right: missing where the set has them, or different for one exposure."""

from landmarks.cervical import STAGES
from landmarks.formats.survey import Film, Survey

_TWINS = ("identical images", "near-identical images")


def check_stages(survey: Survey) -> None:
    """Reports films without a stage in a set that has stages, and twins of different stages; after `check_images`."""
    known = [film for film in survey.films if film.cvm_stage is not None]
    if not known:
        return
    flagged = {name for finding in survey.findings if finding.kind.startswith("CVM stage") for name in finding.images}
    for film in survey.films:
        if film.cvm_stage is None and film.image_id not in flagged:
            survey.add("CVM stage missing", f"{film.image_id}: no stage ({film.split})", film.image_id)
    by_id: dict[str, list[Film]] = {}
    for film in known:
        by_id.setdefault(film.image_id, []).append(film)
    for finding in list(survey.findings):
        if finding.kind.removesuffix(" across splits") in _TWINS:
            films = [film for name in dict.fromkeys(finding.images) for film in by_id.get(name, [])]
            if len({film.cvm_stage for film in films}) > 1:
                words = " and ".join(f"{film.image_id} ({film.split}) {STAGES[film.cvm_stage - 1]}" for film in films)
                survey.add("twins of different stages", f"{words}: one exposure, so one of them is wrong", *finding.images)
