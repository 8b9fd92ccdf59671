"""The formula of a step's memory against what XLA says of the compiled one."""

import jax
import numpy as np
import pytest

from hefted import losses, optimizers
from hefted.errors import UnknownNameError
from hefted.forecast.memory import encoder_step_memory
from hefted.models.bert.backbone import BertBackbone
from hefted.models.bert.pretraining import BertMaskedLM
from hefted.models.steps import binding_of, program_of
from hefted.train.program import Batch

LARGE = {'parameters': 335_174_458, 'blocks': 24, 'width': 1024, 'inner': 4096, 'heads': 16}


# What `memory_analysis` said of the program that `fit` compiles: arguments and what is in use beside them, bytes.
@pytest.mark.parametrize(
    ('rows', 'length', 'places', 'measured'),
    [(1, 128, 20, 5776e6), (2, 128, 20, 6129e6), (4, 128, 20, 6834e6), (8, 128, 20, 8244e6), (2, 512, 80, 9660e6)],
)
def test_the_formula_is_what_xla_says_of_bert_large(rows, length, places, measured):
    step = encoder_step_memory(**LARGE, rows=rows, length=length, scores=rows * places * 30_522)
    assert 1 / 1.15 < measured / step.total < 1.15
    assert measured / step.total == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize(('rows', 'length', 'remat'), [(4, 64, 'none'), (8, 128, 'products'), (8, 128, 'full')])
def test_a_step_that_is_compiled_here_takes_what_the_formula_says(rows, length, remat):
    backbone = BertBackbone(300, 6, 4, 128, 512, max_sequence_length=128, pooler=False, remat=remat)
    model = BertMaskedLM(backbone)
    model.compile(optimizers.AdamW(), losses.SparseCategoricalCrossentropy(from_logits=True))
    x = {
        'token_ids': np.zeros((rows, length), 'int32'),
        'padding_mask': np.ones((rows, length), 'int32'),
        'mask_positions': np.zeros((rows, 4), 'int32'),
    }
    y = np.zeros((rows, 4), 'int32')
    model.prepare(x, y, rows, 'fit')
    binding = binding_of(model)
    program, batch = program_of(model, binding), Batch(x, y, None, None)
    step = jax.jit(program.train_step, donate_argnums=0)
    memory = step.lower(binding.held(), batch, np.zeros(2, np.uint32)).compile().memory_analysis()
    told = encoder_step_memory(
        parameters=model.count_params(), blocks=6, width=128, inner=512, heads=4,
        rows=rows, length=length, scores=rows * 4 * 300, remat=remat,
    )  # fmt: skip
    measured = memory.argument_size_in_bytes + memory.temp_size_in_bytes
    assert 1 / 1.15 < measured / told.total < 1.15


def test_another_rematerialization_is_told_the_names():
    with pytest.raises(UnknownNameError, match="Did you mean 'full'"):
        encoder_step_memory(**LARGE, rows=1, length=128, remat='ful')
