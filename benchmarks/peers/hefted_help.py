"""`hefted --help`, as the command starts; says afterwards whether JAX was imported."""

import json
import sys

from hefted.cli.main import main

sys.argv = ['hefted', '--help']
try:
    main()
except SystemExit as end:
    assert not end.code
print(json.dumps({'jax_imported': int('jax' in sys.modules)}))
