"""Any X-ray file -> pixels at full depth, the 8 bits that the network reads, pixel size with its origin, device, age, sex.

`read_radiograph` reads one film; `read_gray` gives its 8 bits alone; `image_files` lists the films of a folder.
"""

from landmarks.radiograph.files import IMAGE_SUFFIXES, ImageError, image_files
from landmarks.radiograph.film import Radiograph, read_gray, read_radiograph
from landmarks.radiograph.identity import film_id, load_key
from landmarks.radiograph.spacing import ORIGINS, PixelSize

__all__ = [
    "IMAGE_SUFFIXES",
    "ORIGINS",
    "ImageError",
    "PixelSize",
    "Radiograph",
    "film_id",
    "image_files",
    "load_key",
    "read_gray",
    "read_radiograph",
]
