"""`keras.visualization`'s names, Keras's own: images with what was found in them."""

from hefted.utils.passages import passage

_NAMES: str = (
    'draw_bounding_boxes draw_segmentation_masks plot_bounding_box_gallery plot_image_gallery '
    'plot_segmentation_mask_gallery'
)

__getattr__ = passage('visualization', _NAMES)


def __dir__() -> list[str]:
    return _NAMES.split()
