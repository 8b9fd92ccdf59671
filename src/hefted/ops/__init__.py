"""Operations on arrays and on symbolic tensors: every function of Keras's `ops`, thin over JAX.

    ops.softmax(x @ w)                      an array, a Variable, a list or a number goes in, a JAX array comes out
    ops.relu(Input((3,)))                   a symbolic tensor: a functional model can be made of any of them
    ops.image.resize(x, (32, 32))           the families that Keras gives a name: image, linalg, nn, numpy

A file is imported when the first of its names is asked for.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

_NUMPY = {
    'elementwise': 'abs absolute angle arccos arccosh arcsin arcsinh arctan arctanh bartlett bitwise_invert '
    'bitwise_not blackman cbrt ceil clip conj conjugate copy cos cosh deg2rad exp exp2 expm1 fabs floor hamming '
    'hanning i0 imag isfinite isinf isnan isneginf isposinf isreal kaiser log log10 log1p log2 logical_not nan_to_num '
    'negative rad2deg real reciprocal round sign signbit sin sinc sinh sqrt square tan tanh trunc',
    'pairs': 'add allclose arctan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor divide '
    'divide_no_nan equal floor_divide fmax fmin fmod gcd greater greater_equal heaviside hypot isclose lcm ldexp '
    'left_shift less less_equal logaddexp logaddexp2 logical_and logical_or logical_xor maximum minimum mod multiply '
    'nextafter not_equal power right_shift subtract true_divide',
    'reductions': 'all amax amin any average count_nonzero cumprod cumsum diff max mean median min nancumprod '
    'nancumsum nanmax nanmean nanmedian nanmin nanpercentile nanprod nanquantile nanstd nansum nanvar percentile '
    'prod ptp quantile std sum trapezoid var',
    'shaping': 'append array_split broadcast_to concatenate dsplit dstack expand_dims flip fliplr flipud hsplit hstack '
    'meshgrid moveaxis pad ravel repeat reshape roll rot90 split squeeze stack swapaxes tile transpose vsplit vstack',
    'creation': 'arange array diag diagflat diagonal empty empty_like eye full full_like geomspace identity linspace '
    'logspace ones ones_like trace tri tril triu vander zeros zeros_like',
    'indexing': 'get_item nonzero select take take_along_axis unravel_index where',
    'sorting': 'argmax argmin argpartition argsort bincount digitize histogram isin nanargmax nanargmin searchsorted '
    'sort unique',
    'products': 'corrcoef correlate cross dot einsum inner kron matmul outer tensordot vdot',
    'decompositions': 'slogdet',
    'control': 'vectorize',
    'tensors': 'ndim size view',
}
_NN = {
    'activating': 'celu elu gelu glu hard_shrink hard_sigmoid hard_silu hard_swish hard_tanh leaky_relu log_sigmoid '
    'log_softmax relu relu6 selu sigmoid silu soft_shrink softmax softplus softsign sparse_plus sparse_sigmoid '
    'sparsemax squareplus swish tanh_shrink threshold',
    'attention': 'dot_product_attention',
    'blocks': 'depth_to_space fold space_to_depth unfold',
    'convolving': 'conv conv_transpose depthwise_conv separable_conv',
    'crossentropy': 'binary_crossentropy categorical_crossentropy sparse_categorical_crossentropy',
    'ctc': 'ctc_decode ctc_loss',
    'encoding': 'multi_hot one_hot',
    'filtering': 'psnr',
    'fourier': 'polar',
    'normalization': 'batch_normalization layer_normalization normalize rms_normalization',
    'windows': 'adaptive_average_pool adaptive_max_pool average_pool max_pool',
    'reductions': 'moments',
}
_LINALG = {
    'decompositions': 'cholesky cholesky_inverse det eig eigh inv lstsq lu_factor matrix_rank norm pinv qr solve '
    'solve_triangular svd',
    'control': 'jvp',
}
_IMAGE = {
    'blocks': 'extract_patches extract_patches_3d',
    'colours': 'hsv_to_rgb rgb_to_grayscale rgb_to_hsv',
    'filtering': 'gaussian_blur sobel_edges ssim',
    'resizing': 'crop_images pad_images resize scale_and_translate',
    'warping': 'affine_transform elastic_transform map_coordinates perspective_transform',
}
_CORE = {
    'control': 'associative_scan cond custom_gradient fori_loop map scan switch vectorized_map while_loop',
    'decompositions': 'logdet',
    'einops': 'rearrange',
    'elementwise': 'erf erfc erfinv rsqrt',
    'fourier': 'extract_sequences fft fft2 ifft2 irfft istft rfft stft view_as_complex view_as_real',
    'indexing': 'scatter scatter_update slice slice_update',
    'products': 'cdist',
    'reductions': 'logsumexp',
    'segments': 'segment_max segment_min segment_prod segment_sum',
    'shaping': 'unstack',
    'sorting': 'in_top_k top_k',
    'tensors': 'cast convert_to_numpy convert_to_tensor dtype is_tensor saturate_cast shape stop_gradient',
}
_FAMILIES = {'image': _IMAGE, 'linalg': _LINALG, 'nn': _NN, 'numpy': _NUMPY}


def namespace(module: str, *families: dict[str, str]) -> tuple[dict[str, str], Callable[[str], Any]]:
    """The home of each name of some families, and a module's `__getattr__` that loads them."""
    homes = {name: home for family in families for home, names in family.items() for name in names.split()}

    def load(name: str) -> Any:
        if name not in homes:
            from hefted.errors import no_attribute

            raise no_attribute(module, name, homes)
        return getattr(importlib.import_module(f'{__name__}.{homes[name]}'), name)

    return homes, load


_homes, _load = namespace(__name__, _NUMPY, _NN, _LINALG, _CORE)
__all__ = sorted([*_homes, *_FAMILIES])  # noqa: PLE0605  # pyright: ignore[reportUnsupportedDunderAll]


def __getattr__(name: str) -> Any:
    if name in _FAMILIES:
        return importlib.import_module(f'{__name__}.{name}')
    found = globals()[name] = _load(name)  # found at once the next time
    return found


def __dir__() -> list[str]:
    return list(__all__)
