"""What is measured: for each workload, the programs that do the same work."""

from __future__ import annotations

from dataclasses import dataclass, field

PEERS = {
    'hefted': 'Hefted',
    'floor': 'JAX by hand',
    'keras_jax': 'Keras on JAX',
    'keras_jax_32': 'the same, 32 steps an execution',
    'keras_tensorflow': 'Keras on TensorFlow',
    'keras_torch': 'Keras on PyTorch',
    'torch': 'PyTorch',
    'torch_compiled': 'PyTorch, compiled',
    'scikit_learn': 'scikit-learn',
}


@dataclass(frozen=True)
class Program:
    """One peer's program: its environment, its file in peers/, its arguments and variables."""

    environment: str
    file: str
    arguments: tuple[str, ...] = ()
    variables: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Workload:
    """Programs that do the same work.

    Attributes:
        title: What a table calls it.
        programs: By peer.
        warm: Whether a peer's compile cache is kept from run to run; it is emptied before each run otherwise.
        epochs: How long the timed part is: in a full run, and in a quick one.
        once: Whether one process makes all the measurements itself, in pairs.
    """

    title: str
    programs: dict[str, Program]
    warm: bool = True
    epochs: tuple[int, int] = (1, 1)
    once: bool = False


def _peers(suffix: str, *, names: tuple[str, ...], arguments: tuple[str, ...] = ()) -> dict[str, Program]:
    return {name: _program(name, suffix, arguments) for name in names}


def _program(peer: str, suffix: str, arguments: tuple[str, ...]) -> Program:
    if peer.startswith('keras'):
        environment = peer.removesuffix('_32')
        more = ('steps32',) if peer.endswith('_32') else ()
        variables = {'KERAS_BACKEND': environment.removeprefix('keras_')}
        return Program(environment, f'keras_{suffix}.py', (*arguments, *more), variables)
    if peer == 'torch_compiled':
        return Program('torch', f'torch_{suffix}.py', (*arguments, 'compiled'))
    return Program(peer, f'{peer}_{suffix}.py', arguments)


_EVERY = tuple(name for name in PEERS if name != 'keras_jax_32')
_DEEP = tuple(name for name in PEERS if name != 'scikit_learn')

WORKLOADS = {
    'reference_cold': Workload(
        'Reference program, whole process, nothing compiled before', _peers('reference', names=_EVERY), warm=False
    ),
    'reference_warm': Workload('Reference program, whole process, again', _peers('reference', names=_EVERY)),
    'second_fit': Workload(
        'Its second fit in one process, 10 epochs',
        _peers('reference', names=tuple(PEERS), arguments=('second',)),
    ),
    'mlp': Workload('MLP 784-512-512-10, batch 128, a step', _peers('mlp', names=_DEEP), epochs=(3, 1)),
    'generator': Workload(
        'The same MLP fed by a Python generator, a step',
        _peers('generator', names=('hefted', 'keras_jax', 'torch')),
        epochs=(3, 1),
    ),
    'cnn': Workload(
        'CNN 28 x 28, batch 128, a step',
        _peers('cnn', names=('hefted', 'floor', 'keras_jax', 'keras_tensorflow', 'torch', 'torch_compiled')),
        epochs=(5, 1),
    ),
    'deep': Workload(
        '50 narrow dense layers, to the first step, nothing compiled before',
        _peers('deep', names=('hefted', 'keras_jax')),
        warm=False,
    ),
    'many': Workload(
        '20 models of different widths in one process, nothing compiled before',
        _peers('many', names=('hefted', 'keras_jax', 'keras_jax_32')),
        warm=False,
    ),
    'adopted_second_fit': Workload(
        'A Keras model through hefted.fit: the reference program, second fit',
        {
            'hefted': Program('adopted', 'adopted_reference.py', variables={'KERAS_BACKEND': 'jax'}),
            **_peers('reference', names=('keras_jax', 'keras_jax_32'), arguments=('second',)),
        },
    ),
    'adopted_cnn': Workload(
        'A Keras model through hefted.fit: the CNN, a step',
        {
            'hefted': Program('adopted', 'adopted_cnn.py', variables={'KERAS_BACKEND': 'jax'}),
            **_peers('cnn', names=('keras_jax', 'keras_tensorflow', 'keras_torch')),
        },
        epochs=(5, 1),
    ),
    'transformer': Workload(
        'Two transformer encoder blocks, 768 wide, batch 8 x 128, a step',
        _peers('transformer', names=('hefted', 'floor', 'keras_jax', 'torch', 'torch_compiled')),
        epochs=(4, 1),
    ),
    'encoder': Workload(
        'Two BERT encoder blocks with dropout 0.1, 768 wide, batch 8 x 128, a step',
        _peers('encoder', names=('hefted', 'torch', 'torch_compiled')),
        epochs=(4, 1),
    ),
    'embedding': Workload(
        'Embedding 200,000 x 64, dense head, batch 1024 x 8, a step',
        _peers('embedding', names=('hefted', 'floor', 'keras_jax', 'keras_jax_32', 'keras_tensorflow', 'torch')),
        epochs=(4, 1),
    ),
    'lstm': Workload(
        'LSTM of 128 units, batch 64 x 100 x 32, a step',
        _peers('lstm', names=('hefted', 'floor', 'keras_jax', 'keras_tensorflow', 'torch', 'torch_compiled')),
        epochs=(5, 1),
    ),
    'finetune_minilm': Workload(
        'MiniLM fine-tuned on 1,024 sentences, batch 32 x 48, an epoch',
        {
            'hefted': Program('hefted_text', 'hefted_finetune_minilm.py'),
            'torch': Program('transformers', 'torch_finetune_minilm.py'),
            'torch_compiled': Program('transformers', 'torch_finetune_minilm.py', ('compiled',)),
        },
    ),
    'meter': Workload(
        'A fit with the meter on, and off',
        {'hefted': Program('hefted', 'hefted_meter.py')},
        epochs=(30, 2),  # here the seconds of one fit
        once=True,
    ),
    'help': Workload('hefted --help', {'hefted': Program('hefted', 'hefted_help.py')}),
}
