"""Makes the small data files of this folder with NumPy and h5py: 5 samples of 4 x 3 pixels,
pixel = (37 sample + 11 row + 5 column) mod 256, label = sample mod 3."""
import gzip
import os
import struct

import h5py
import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
n, rows, columns = np.ogrid[0:5, 0:4, 0:3]
x = ((37 * n + 11 * rows + 5 * columns) % 256).astype(np.uint8)
y = np.arange(5) % 3


def path(name):
    return os.path.join(here, name)


np.savez(path("stored.npz"), x_test=x, y_test=y)
np.savez_compressed(path("deflated.npz"), X_test=x.astype(np.float32) / 255, y_test=y.astype(np.int32)[:, None])
np.savez(path("plain.npz"), data=np.asfortranarray(x.astype(np.float64)), target=np.eye(3)[y])
np.savez(path("train_only.npz"), x_train=x, y_train=y)
np.savez(path("no_labels.npz"), x_test=x, names=np.arange(3))
np.savez(path("objects.npz"), x_test=np.array([{}, None], dtype=object), y_test=y[:2])
np.save(path("x_big_endian.npy"), x.astype(">f4"))
np.save(path("y_big_endian.npy"), y.astype(">i8"))
for version in (2, 3):
    with open(path(f"images_v{version}.npy"), "wb") as f:
        np.lib.format.write_array(f, x[..., None], version=(version, 0))
np.save(path("labels_v2.npy"), y.astype(np.uint8))
with open(path("images_v2.npy"), "rb") as f, open(path("images.npy.gz"), "wb") as out:
    out.write(gzip.compress(f.read(), mtime=0))
with open(path("images-idx3-ubyte"), "wb") as f:
    f.write(struct.pack(">4B3I", 0, 0, 8, 3, *x.shape) + x.tobytes())
with open(path("labels-idx1-ubyte"), "wb") as f:
    f.write(struct.pack(">4BI", 0, 0, 8, 1, *y.shape) + y.astype(np.uint8).tobytes())
with h5py.File(path("both.h5"), "w") as f:
    f["x_test"], f["y_test"] = x, y
    f.create_group("extra")
