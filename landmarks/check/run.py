"""Is a data set sound? All checks in turn, and their report."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from landmarks.check.contact_sheet import write_contact_sheet
from landmarks.check.images import check_images
from landmarks.check.inventory import Inventory, take_inventory
from landmarks.check.points import check_points
from landmarks.check.scale import DeviceScale, check_scale, scale_table, scale_to_dict
from landmarks.metrics import format_table


@dataclass(slots=True)
class Check:
    """What a check found."""

    inventory: Inventory
    devices: list[DeviceScale]

    @property
    def accused(self) -> set[str]:
        """Ids of all images that a finding names."""
        return {name for finding in self.inventory.findings for name in finding.images}

    def to_dict(self) -> dict:
        inventory = self.inventory
        return {
            "num_images": len(inventory.entries),
            "num_accused": len(self.accused),
            "kinds": kinds(inventory),
            "devices": scale_to_dict(self.devices),
            "findings": [asdict(finding) for finding in inventory.findings],
        }


def check_dataset(root: Path, data_format: str) -> Check:
    """Looks at every file below `root`. Raises: DataError where there is no data set of this format at all."""
    inventory = take_inventory(root, data_format)
    check_images(inventory)
    shapes = check_points(inventory)
    devices = check_scale(inventory, shapes)
    inventory.findings.sort(key=lambda finding: finding.kind)
    return Check(inventory, devices)


def kinds(inventory: Inventory) -> dict[str, int]:
    """Number of findings of each kind."""
    names = [finding.kind for finding in inventory.findings]
    return {kind: names.count(kind) for kind in dict.fromkeys(names)}


def check_report(check: Check) -> str:
    """Tables and one line a finding, for a person."""
    inventory = check.inventory
    header, *rows = scale_table(check.devices)
    parts = [format_table(header, rows)]
    if inventory.findings:
        parts.append(format_table(["finding", "number"], [[kind, str(num)] for kind, num in kinds(inventory).items()]))
        parts.append("\n".join(f"{finding.kind}: {finding.text}" for finding in inventory.findings))
    num = len(inventory.entries)
    parts.append(f"{num} images, {len(check.accused)} of them accused, {len(inventory.findings)} findings")
    return "\n\n".join(parts)


def write_check(check: Check, output: Path) -> None:
    """check.json, check.txt and contact_sheet.png (where an image is accused)."""
    output.mkdir(parents=True, exist_ok=True)
    (output / "check.json").write_text(json.dumps(check.to_dict(), indent=1) + "\n")
    (output / "check.txt").write_text(check_report(check) + "\n", encoding="utf-8", errors="backslashreplace")
    write_contact_sheet(check.inventory, output / "contact_sheet.png")
