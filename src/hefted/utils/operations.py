"""Functions of `ops` in a functional model's config: Keras has a class for each, and we write and read its name.

Keras's class takes in its constructor what is not a tensor (`Mean(axis, keepdims)`) and is called with the rest
(`(x)`). The table says, for each function, with how many of its first arguments, or with which.
"""

from __future__ import annotations

import inspect
from functools import cache
from typing import Any

from hefted.errors import ArchiveError, ArgumentError
from hefted.operation import FunctionCall, signature_of

# By Keras's module (keras.src.ops.<module>): function[:arguments of the call], one argument where nothing is said.
_TABLE = {
    'core': (
        'associative_scan:2 cast cond:3 convert_to_tensor fori_loop:init_val map:2 saturate_cast scan:3 scatter:2 '
        'scatter_update:3 slice:2 slice_update:3 stop_gradient switch:3 unstack vectorized_map:elements '
        'while_loop:loop_vars'
    ),
    'einops': ('rearrange:3'),
    'image': (
        'affine_transform:2 crop_images elastic_transform extract_patches gaussian_blur hsv_to_rgb map_coordinates:2 '
        'pad_images perspective_transform:3 resize rgb_to_grayscale rgb_to_hsv scale_and_translate:4 sobel_edges ssim:2'
    ),
    'linalg': (
        'cholesky cholesky_inverse det eig eigh inv jvp:3 lstsq:2 lu_factor matrix_rank norm pinv qr solve:2 '
        'solve_triangular:2 svd'
    ),
    'math': (
        'cdist:2 erf erfc erfinv extract_sequences fft fft2 ifft2 in_top_k:2 irfft istft logdet logsumexp rfft rsqrt '
        'segment_max:2 segment_min:2 segment_prod:2 segment_sum:2 stft top_k view_as_complex view_as_real'
    ),
    'nn': (
        'adaptive_average_pool adaptive_max_pool average_pool batch_normalization:x,mean,variance,offset,scale '
        'binary_crossentropy:2 categorical_crossentropy:2 celu conv:2 conv_transpose:2 ctc_decode:2 ctc_loss:4 '
        'depth_to_space depthwise_conv:2 dot_product_attention:6 elu fold gelu glu hard_shrink hard_sigmoid '
        'hard_silu hard_tanh layer_normalization:x,gamma,beta leaky_relu log_sigmoid log_softmax max_pool moments '
        'multi_hot normalize one_hot polar:2 psnr:2 relu relu6 rms_normalization:x,scale selu separable_conv:3 '
        'sigmoid silu soft_shrink softmax softplus softsign space_to_depth sparse_categorical_crossentropy:2 '
        'sparse_plus sparse_sigmoid sparsemax squareplus tanh_shrink threshold unfold'
    ),
    'numpy': (
        'abs absolute add:2 all allclose:2 amax amin angle any append:2 arange:3 arccos arccosh arcsin arcsinh arctan '
        'arctan2:2 arctanh argmax argmin argpartition argsort array array_split average:x,weights bincount '
        'bitwise_and:2 bitwise_invert bitwise_left_shift:2 bitwise_not bitwise_or:2 bitwise_right_shift:2 '
        'bitwise_xor:2 broadcast_to cbrt ceil clip concatenate conj conjugate copy corrcoef correlate:2 cos cosh '
        'count_nonzero cross:2 cumprod cumsum deg2rad diag diagflat diagonal diff digitize:2 divide:2 divide_no_nan:2 '
        'dot:2 dsplit dstack einsum:operands empty_like equal:2 exp exp2 expand_dims expm1 fabs flip fliplr flipud '
        'floor floor_divide:2 fmax:2 fmin:2 fmod:2 full:fill_value full_like:2 gcd:2 geomspace:2 get_item:2 greater:2 '
        'greater_equal:2 heaviside:2 histogram hsplit hstack hypot:2 i0 imag inner:2 isclose:4 isfinite isin:2 isinf '
        'isnan isneginf isposinf isreal kron:2 lcm:2 ldexp:2 left_shift:2 less:2 less_equal:2 linspace:2 log log10 '
        'log1p log2 logaddexp:2 logaddexp2:2 logical_and:2 logical_not logical_or:2 logical_xor:2 logspace:2 matmul:2 '
        'max maximum:2 mean median meshgrid min minimum:2 mod:2 moveaxis multiply:2 nan_to_num nanargmax nanargmin '
        'nancumprod nancumsum nanmax nanmean nanmedian nanmin nanpercentile:2 nanprod nanquantile:2 nanstd nansum '
        'nanvar ndim negative nextafter:2 nonzero not_equal:2 ones_like outer:2 pad:x,constant_values percentile:2 '
        'power:2 prod ptp quantile:2 rad2deg ravel real reciprocal repeat reshape right_shift:2 roll rot90 round '
        'searchsorted:2 select:3 sign signbit sin sinc sinh size slogdet sort split sqrt square squeeze stack std '
        'subtract:2 sum swapaxes take:2 take_along_axis:2 tan tanh tensordot:2 tile trace transpose trapezoid tril '
        'triu true_divide:2 trunc unique unravel_index vander var vdot:2 view vsplit vstack where:3 zeros_like'
    ),
}
_ODD_CLASSES = {
    'allclose': 'AllClose', 'batch_normalization': 'BatchNorm', 'cdist': 'CDist', 'ctc_decode': 'CTCDecode',
    'ctc_loss': 'CTCLoss', 'fft': 'FFT', 'fft2': 'FFT2', 'hsv_to_rgb': 'HSVToRGB', 'ifft2': 'IFFT2', 'irfft': 'IRFFT',
    'isin': 'IsIn', 'istft': 'ISTFT', 'jvp': 'JVP', 'layer_normalization': 'LayerNorm', 'psnr': 'PSNR',
    'rfft': 'RFFT', 'rgb_to_grayscale': 'RGBToGrayscale', 'rgb_to_hsv': 'RGBToHSV', 'rms_normalization': 'RMSNorm',
    'searchsorted': 'SearchSorted', 'ssim': 'SSIM', 'stft': 'STFT', 'svd': 'SVD',
}  # fmt: skip
_PREFIX = 'keras.src.ops.'


@cache
def _functions() -> dict[str, tuple[str, str, str]]:
    """Function to (Keras's module, its class, what the call takes)."""
    found: dict[str, tuple[str, str, str]] = {}
    for module, names in _TABLE.items():
        for entry in names.split():
            name, _, taken = entry.partition(':')
            camel = ''.join(part.capitalize() for part in name.split('_'))
            found[name] = _PREFIX + module, _ODD_CLASSES.get(name, camel), taken or '1'
    return found


@cache
def _classes() -> dict[tuple[str, str], str]:
    """(Keras's module, its class) to function."""
    return {(module, cls): name for name, (module, cls, _) in _functions().items()}


def config_of(call: FunctionCall) -> dict[str, Any]:
    """The config of a function's call, as Keras writes that of its class.

    Raises:
        ArgumentError: A function that is none of `ops`.
    """
    name = call.function.__name__
    if name not in _functions():
        raise ArgumentError(
            f'Expected functions of hefted.ops in a model that is saved, received {name!r}. Put it into the call of a '
            'Layer that has get_config.'
        )
    module, cls, _ = _functions()[name]
    _, settings = split(call)
    return {
        'module': module, 'class_name': cls, 'config': {'name': call.name, **settings}, 'registered_name': cls,
    }  # fmt: skip


def split(call: FunctionCall) -> tuple[list[Any], dict[str, Any]]:
    """What its class is called with, and what it is made with, for its only call."""
    node = call._inbound_nodes[0]
    bound = call.bind(node.args, node.kwargs)
    bound.apply_defaults()
    given = dict(bound.arguments)
    names = _called_with(call.function)
    arguments: list[Any] = []
    for name in names:
        kind = signature_of(call.function).parameters[name].kind
        arguments += given[name] if kind is inspect.Parameter.VAR_POSITIONAL else [given[name]]
    return arguments, {key: value for key, value in given.items() if key not in names and key != 'kwargs'}


def _called_with(function: Any) -> list[str]:
    _, _, taken = _functions()[function.__name__]
    return list(signature_of(function).parameters)[: int(taken)] if taken.isdigit() else taken.split(',')


def find(module: Any, class_name: Any) -> str | None:
    """The function that a class of Keras's stands for; None where there is none."""
    return _classes().get((str(module), str(class_name)))


def from_config(name: str, config: dict[str, Any]) -> FunctionCall:
    """A function's call from the config of Keras's class: to be called with tensors.

    Raises:
        ArchiveError: Settings that the function does not take.
    """
    from hefted import ops

    function = getattr(ops.image if name in dir(ops.image) else ops, name)
    taken = signature_of(function).parameters
    settings = {key: value for key, value in config.items() if key != 'name' and (key != 'dtype' or key in taken)}
    unknown = set(settings) - set(taken)
    if unknown and 'kwargs' not in taken:
        raise ArchiveError(f'The function {name!r} takes no {", ".join(sorted(unknown))}, which the file gives it.')
    return FunctionCall(function, config.get('name'), settings, _called_with(function))
