"""The formats, one module each. docs/recipes.md shows how to add one.

A module has `scan(root) -> Survey`, everything that is there; `write(survey, root)`, the annotations of films whose images
lie where `image_place(film)` says; `LANDMARKS`, the set that the format fixes, or None; and `KEEPS`, which of a film's
readers, device, pixel_size, split and cvm_stage a written set gives back. A module with `NUMBERED`
holds no names; one without `write` is read alone; one with `film_pixels(survey)` holds its films in a file of its own, which
`landmarks convert` reads.
"""

from importlib import import_module

FORMATS = {
    "aariz": import_module("landmarks.formats.aariz"),
    "class_folders": import_module("landmarks.formats.class_folders"),
    "cldetection2023": import_module("landmarks.formats.cldetection2023"),
    "cldetection2024": import_module("landmarks.formats.cldetection2024"),
    "coco": import_module("landmarks.formats.coco"),
    "cvat": import_module("landmarks.formats.cvat"),
    "deeplabcut": import_module("landmarks.formats.deeplabcut"),
    "isbi2015": import_module("landmarks.formats.isbi2015"),
    "labelme": import_module("landmarks.formats.labelme"),
    "labelstudio": import_module("landmarks.formats.labelstudio"),
    "point_list": import_module("landmarks.formats.point_list"),
    "predictions": import_module("landmarks.formats.predictions"),
    "slicer": import_module("landmarks.formats.slicer"),
    "table": import_module("landmarks.formats.table"),
    "xlsx": import_module("landmarks.formats.xlsx"),
    "yolo_pose": import_module("landmarks.formats.yolo_pose"),
    "synthetic": import_module("landmarks.formats.aariz"),
}
GENERATED = ("synthetic",)
"""Formats whose sets the program draws itself: they need no data.root and no check."""
