#!/usr/bin/env python3
"""Capital letters of the typefaces of Debian's fonts-dejavu-core and -extra for glyphs_font.gan: writes glyphs/pictures.npy, 16 by 16 from -1 (paper) to 1 (ink), in six sizes of each face, and
glyphs/letters.npy, 0 for A to 25 for Z. They are drawn by libfreetype6.

usage: glyphs.py        needs numpy, fonts-dejavu-core, fonts-dejavu-extra and libfreetype6"""
import ctypes
import glob
import os

import numpy as np

FACES = "/usr/share/fonts/truetype/dejavu/*.ttf"
OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "glyphs")
SIDE, HEIGHTS = 16, (13, 14, 15, 16, 17, 18)
RENDER, GLYPH_OF_FACE = 4, 152                             # FT_LOAD_RENDER; where FT_FaceRec has its glyph, of 64 bits


class Glyph(ctypes.Structure):                              # the head of FT_GlyphSlotRec up to its bitmap
    _fields_ = [("skipped", ctypes.c_char * 152), ("rows", ctypes.c_uint), ("width", ctypes.c_uint), ("pitch", ctypes.c_int), ("buffer", ctypes.c_void_p)]


def checked(status):
    if status:
        raise SystemExit(f"libfreetype: error {status}")


def letter(ft, face, code):
    """Its ink in the middle of a square, or None where it does not fit."""
    checked(ft.FT_Load_Char(face, ctypes.c_ulong(code), RENDER))
    glyph = Glyph.from_address(ctypes.c_void_p.from_address(face.value + GLYPH_OF_FACE).value)
    if max(glyph.rows, glyph.width) > SIDE:
        return None
    ink = np.frombuffer(ctypes.string_at(glyph.buffer, glyph.rows * glyph.pitch), np.uint8).reshape(glyph.rows, glyph.pitch)[:, :glyph.width]
    out = np.zeros((SIDE, SIDE), np.float32)
    top, left = (SIDE - glyph.rows) // 2, (SIDE - glyph.width) // 2
    out[top:top + glyph.rows, left:left + glyph.width] = ink / 255
    return 2 * out - 1


def main():
    ft, library = ctypes.CDLL("libfreetype.so.6"), ctypes.c_void_p()
    checked(ft.FT_Init_FreeType(ctypes.byref(library)))
    pictures, letters = [], []
    for path in sorted(p for p in glob.glob(FACES) if "Math" not in p):
        face = ctypes.c_void_p()
        checked(ft.FT_New_Face(library, path.encode(), ctypes.c_long(0), ctypes.byref(face)))
        for height in HEIGHTS:
            checked(ft.FT_Set_Pixel_Sizes(face, 0, height))
            for k in range(26):
                x = letter(ft, face, ord("A") + k)
                if x is not None:
                    pictures.append(x)
                    letters.append(k)
    os.makedirs(OUT, exist_ok=True)
    np.save(os.path.join(OUT, "pictures.npy"), np.stack(pictures)[..., None])
    np.save(os.path.join(OUT, "letters.npy"), np.array(letters, np.int64))
    print(f"{len(letters)} letters of {len(glob.glob(FACES))} faces")


if __name__ == "__main__":
    main()
