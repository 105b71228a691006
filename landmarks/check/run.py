"""Is a data set sound? All checks in turn, and their report."""

import json
from dataclasses import dataclass
from pathlib import Path

from landmarks.check.contact_sheet import write_contact_sheet
from landmarks.check.images import check_images
from landmarks.check.points import check_points
from landmarks.check.scale import DeviceScale, check_scale, scale_table, scale_to_dict
from landmarks.check.stages import check_stages
from landmarks.check.views import check_views
from landmarks.formats.reading import survey_dataset
from landmarks.formats.survey import Survey
from landmarks.metrics import format_table

# of a finding, what check.json holds
_TOLD = ("kind", "text", "images", "symbols")


@dataclass(slots=True)
class Check:
    """What a check found."""

    survey: Survey
    devices: list[DeviceScale]

    @property
    def flagged(self) -> set[str]:
        """Ids of all images that a finding names."""
        return {name for finding in self.survey.findings for name in finding.images}

    def to_dict(self) -> dict:
        survey = self.survey
        return {
            "num_images": len(survey.films),
            "num_flagged": len(self.flagged),
            "kinds": kinds(survey),
            "devices": scale_to_dict(self.devices),
            "findings": [{name: getattr(f, name) for name in _TOLD} for f in survey.findings],
        }


def check_dataset(root: Path, data_format: str) -> Check:
    """Looks at every file below `root`. Raises: DataError where there is no data set of this format at all."""
    survey = survey_dataset(data_format, root)
    check_images(survey)
    check_stages(survey)
    check_views(survey)
    shapes = check_points(survey)
    devices = check_scale(survey, shapes)
    survey.findings.sort(key=lambda finding: finding.kind)
    return Check(survey, devices)


def kinds(survey: Survey) -> dict[str, int]:
    """Number of findings of each kind."""
    names = [finding.kind for finding in survey.findings]
    return {kind: names.count(kind) for kind in dict.fromkeys(names)}


def check_report(check: Check) -> str:
    """Tables and one line a finding, for a person."""
    survey = check.survey
    header, *rows = scale_table(check.devices)
    parts = ["\n".join(survey.notes)] if survey.notes else []
    parts.append(format_table(header, rows))
    if survey.findings:
        parts.append(format_table(["finding", "number"], [[kind, str(num)] for kind, num in kinds(survey).items()]))
        parts.append("\n".join(f"{finding.kind}: {finding.text}" for finding in survey.findings))
    num = len(survey.films)
    parts.append(f"{num} images, {len(check.flagged)} of them flagged, {len(survey.findings)} findings")
    return "\n\n".join(parts)


def write_check(check: Check, output: Path) -> None:
    """check.json, check.txt and contact_sheet.png (where an image is flagged)."""
    output.mkdir(parents=True, exist_ok=True)
    (output / "check.json").write_text(json.dumps(check.to_dict(), indent=1) + "\n", encoding="utf-8")
    (output / "check.txt").write_text(check_report(check) + "\n", encoding="utf-8", errors="backslashreplace")
    write_contact_sheet(check.survey, output / "contact_sheet.png")
