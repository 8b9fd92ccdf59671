"""Metrics have Keras's values, state and configs."""

import jax
import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hefted import metrics
from hefted.errors import ArgumentError, ShapeError, UnknownNameError
from hefted.variables import bind

RNG = np.random.default_rng(4)
WEIGHTS = np.array([1.0, 0.0, 2.5, 1.0, 0.5, 3.0], 'float32')


def batches(make):
    return [make() for _ in range(2)]


def one_hot():
    return np.eye(4, dtype='float32')[RNG.integers(0, 4, 6)]


def scores():
    return RNG.dirichlet(np.ones(4), 6).astype('float32')


LABELS = batches(lambda: (RNG.integers(0, 2, 6), RNG.uniform(0, 1, 6).astype('float32')))
COLUMNS = batches(lambda: (RNG.integers(0, 2, (6, 3)), RNG.uniform(0, 1, (6, 3)).astype('float32')))
ONE_HOT = batches(lambda: (one_hot(), scores()))
SPARSE = batches(lambda: (RNG.integers(0, 4, 6), scores()))
REAL = batches(lambda: (RNG.normal(size=(6, 3)), RNG.normal(size=(6, 3)).astype('float32')))
CLASSES = batches(lambda: (RNG.integers(0, 4, 6), RNG.integers(0, 4, 6)))
EDGES = [(np.array([0, 1, 0, 1, 1, 0]), np.array([0.0, 1.0, 1.0, 0.0, 0.5, 0.5], 'float32'))]
CASES = [
    ('Accuracy', {}, CLASSES), ('BinaryAccuracy', {}, COLUMNS), ('BinaryAccuracy', {'threshold': 0.2}, LABELS),
    ('CategoricalAccuracy', {}, ONE_HOT), ('SparseCategoricalAccuracy', {}, SPARSE),
    ('TopKCategoricalAccuracy', {'k': 2}, ONE_HOT), ('SparseTopKCategoricalAccuracy', {'k': 2}, SPARSE),
    ('SparseTopKCategoricalAccuracy', {'k': 1, 'from_sorted_ids': True},
     [(a, np.stack([b, b], 1).astype('float32')) for a, b in CLASSES]),
    ('MeanSquaredError', {}, REAL), ('RootMeanSquaredError', {}, REAL), ('MeanAbsoluteError', {}, REAL),
    ('MeanAbsolutePercentageError', {}, REAL), ('MeanSquaredLogarithmicError', {}, REAL), ('LogCoshError', {}, REAL),
    ('CosineSimilarity', {}, REAL), ('R2Score', {}, REAL), ('R2Score', {'class_aggregation': None}, REAL),
    ('R2Score', {'class_aggregation': 'variance_weighted_average', 'num_regressors': 2}, REAL),
    ('BinaryCrossentropy', {}, COLUMNS), ('BinaryCrossentropy', {'from_logits': True}, COLUMNS),
    ('CategoricalCrossentropy', {'label_smoothing': 0.1}, ONE_HOT), ('SparseCategoricalCrossentropy', {}, SPARSE),
    ('SparseCategoricalCrossentropy', {'ignore_class': 1}, SPARSE),
    ('KLDivergence', {}, ONE_HOT), ('Poisson', {}, COLUMNS), ('Hinge', {}, COLUMNS), ('SquaredHinge', {}, COLUMNS),
    ('CategoricalHinge', {}, ONE_HOT),
    ('Precision', {}, LABELS), ('Precision', {'thresholds': [0.2, 0.6]}, COLUMNS),
    ('Precision', {'thresholds': [0.0, 0.5, 1.0]}, COLUMNS), ('Precision', {'class_id': 1}, COLUMNS),
    ('Precision', {'top_k': 2}, ONE_HOT), ('Recall', {}, LABELS), ('Recall', {'top_k': 1, 'class_id': 2}, ONE_HOT),
    ('TruePositives', {}, LABELS), ('TrueNegatives', {'thresholds': 0.3}, LABELS),
    ('FalsePositives', {'thresholds': [0.1, 0.9]}, LABELS), ('FalseNegatives', {}, LABELS),
    ('AUC', {}, LABELS), ('AUC', {}, EDGES), ('AUC', {'curve': 'PR'}, LABELS), ('AUC', {'curve': 'PRGAIN'}, LABELS),
    ('AUC', {'curve': 'PR', 'summation_method': 'majoring'}, LABELS),
    ('AUC', {'summation_method': 'minoring', 'num_thresholds': 7}, LABELS),
    ('AUC', {'thresholds': [0.1, 0.4, 0.5]}, COLUMNS), ('AUC', {'from_logits': True}, LABELS),
    ('AUC', {'multi_label': True, 'num_labels': 3}, COLUMNS),
    ('AUC', {'multi_label': True, 'num_labels': 3, 'curve': 'PR', 'label_weights': [1.0, 2.0, 0.5]}, COLUMNS),
    ('F1Score', {}, ONE_HOT), ('F1Score', {'average': 'micro'}, ONE_HOT), ('F1Score', {'average': 'macro'}, ONE_HOT),
    ('FBetaScore', {'average': 'weighted', 'beta': 2.0, 'threshold': 0.4}, ONE_HOT),
    ('MeanIoU', {'num_classes': 4, 'dtype': 'float32'}, CLASSES),
    ('MeanIoU', {'num_classes': 3, 'ignore_class': 1, 'dtype': 'float32'}, CLASSES),
    ('IoU', {'num_classes': 4, 'target_class_ids': [0, 2], 'dtype': 'float32'}, CLASSES),
    ('BinaryIoU', {'threshold': 0.4, 'dtype': 'float32'}, LABELS),
    ('OneHotIoU', {'num_classes': 4, 'target_class_ids': [1], 'dtype': 'float32'}, ONE_HOT),
    ('OneHotMeanIoU', {'num_classes': 4, 'dtype': 'float32'}, ONE_HOT),
    ('PearsonCorrelation', {}, REAL), ('ConcordanceCorrelation', {}, REAL),
    ('SensitivityAtSpecificity', {'specificity': 0.5}, LABELS),
    ('SensitivityAtSpecificity', {'specificity': 0.4, 'num_thresholds': 1}, LABELS),
    ('SpecificityAtSensitivity', {'sensitivity': 0.5, 'num_thresholds': 7}, COLUMNS),
    ('SpecificityAtSensitivity', {'sensitivity': 0.9, 'class_id': 1}, COLUMNS),
    ('PrecisionAtRecall', {'recall': 0.4}, LABELS), ('RecallAtPrecision', {'precision': 0.6}, LABELS),
]  # fmt: skip
IDS = [f'{i}-{name}{kwargs or ""}' for i, (name, kwargs, _) in enumerate(CASES)]


def prepared(module, name, kwargs, data):
    """A metric with its variables, which may hang on the data's shapes."""
    metric = getattr(module, name)(**kwargs)
    if module is metrics:
        metric.build(data[0][0].shape, data[0][1].shape)
    elif not getattr(metric, '_built', True):
        metric._build(data[0][0].shape, data[0][1].shape)
    return metric


def told(metric, data, weights=None):
    """The result after all batches, and the state, as a pure function."""
    state = [np.zeros(v.shape, v.dtype) for v in metric.variables]
    for y_true, y_pred in data:
        state = metric.stateless_update_state(state, y_true, y_pred, sample_weight=weights)
    return metric.stateless_result(state), state


@pytest.mark.filterwarnings('ignore:Explicitly requested dtype int64')  # Keras's own confusion matrix
@pytest.mark.parametrize('weights', [None, WEIGHTS], ids=['plain', 'weighted'])
@pytest.mark.parametrize(('name', 'kwargs', 'data'), CASES, ids=IDS)
def test_result_and_state_are_kerass(name, kwargs, data, weights):
    ours, theirs = (prepared(module, name, kwargs, data) for module in (metrics, keras.metrics))
    compare = jax.jit(lambda: (told(ours, data, weights), told(theirs, data, weights)))
    if kwargs.get('num_regressors'):
        compare = compare.__wrapped__  # its result asks how many samples there were
    (mine, state), (expected, other) = compare()
    np.testing.assert_allclose(mine, expected, rtol=3e-6, atol=1e-6)
    assert [v.path.split('/')[-1] for v in ours.variables] == [v.path.split('/')[-1] for v in theirs.variables]
    for a, b in zip(state, other, strict=True):
        np.testing.assert_allclose(a, b, rtol=3e-6, atol=1e-6)


ROWS = [case for case in CASES if getattr(metrics, case[0])(**case[1]).weights_rows]


@pytest.mark.parametrize(('name', 'kwargs', 'data'), ROWS)
def test_a_row_of_weight_0_is_as_if_it_were_not_there(name, kwargs, data):
    metric = prepared(metrics, name, kwargs, data)
    more = tuple(np.concatenate([x, 1 - x[:2]]) for x in data[0])
    flags = (np.arange(8) < 6).astype('float32')
    (plain, _), (padded, _) = jax.jit(lambda: (told(metric, data[:1]), told(metric, [more], flags)))()
    np.testing.assert_allclose(padded, plain, rtol=1e-6)


@pytest.mark.parametrize(('name', 'kwargs', 'data'), CASES, ids=IDS)
def test_configs_are_kerass_and_open_in_both(name, kwargs, data):
    ours, theirs = getattr(metrics, name)(**kwargs, name='it'), getattr(keras.metrics, name)(**kwargs, name='it')
    config, other = metrics.serialize(ours), keras.metrics.serialize(theirs)
    assert {**config, 'config': None} == {**other, 'config': None}
    ours_too = metrics.deserialize(config)
    assert metrics.serialize(ours_too) == config
    assert type(keras.metrics.deserialize(config)) is type(theirs)
    kept = {key: value for key, value in other['config'].items() if key != 'label_weights'}
    assert config['config'].items() >= kept.items()


@settings(max_examples=5)
@given(
    shapes=st.sampled_from([
        ((4,), (4, 1), (4,)), ((4, 1), (4,), (4, 1)), ((4, 3), (4, 3), (4,)), ((4, 3), (4, 3), (4, 3)),
    ]),
    name=st.sampled_from(['BinaryAccuracy', 'MeanSquaredError', 'Precision']),
)  # fmt: skip
def test_shapes_of_labels_and_weights_are_kerass(shapes, name):
    y_true, y_pred, weights = (RNG.integers(0, 2, s).astype('float32') for s in shapes)
    results = []
    for module in (metrics, keras.metrics):
        metric = getattr(module, name)()
        try:
            results.append(float(metric(y_true, y_pred * 0.7, sample_weight=weights)))
        except (ValueError, TypeError):
            results.append(None)
    assert results[0] == (None if results[1] is None else pytest.approx(results[1], rel=1e-6))


@pytest.mark.parametrize('name', ['mse', 'MAE', 'bce', 'accuracy', 'binary_accuracy', 'auc', 'f1_score', 'AUC', 'mean'])
def test_names_find_what_keras_finds(name):
    assert type(metrics.get(name)).__name__ == type(keras.metrics.get(name)).__name__


def test_sums_and_means_are_kerass():
    values = RNG.normal(size=(6, 3))
    for name in ('Sum', 'Mean'):
        for weights in (None, WEIGHTS, 2.0):
            ours, theirs = getattr(metrics, name)(), getattr(keras.metrics, name)()
            np.testing.assert_allclose(ours(values, weights), theirs(values, weights), rtol=1e-5)


def test_a_function_becomes_a_metric_that_says_nothing_of_rows():
    def largest(y_true, y_pred):
        return abs(y_true - y_pred).max()

    metric = metrics.MeanMetricWrapper(largest, name='largest')
    assert float(metric(np.zeros(3), np.array([1.0, -4.0, 2.0]))) == 4.0
    assert not metric.weights_rows and not metrics.Metric.weights_rows


def test_state_waits_on_the_host_and_is_reset_there():
    metric = metrics.AUC()
    assert all(isinstance(v.held, np.ndarray) for v in metric.variables)
    metric.update_state(*LABELS[0])
    metric.reset_state()
    assert all(isinstance(v.held, np.ndarray) and not v.held.any() for v in metric.variables)
    assert all(not np.asarray(v).any() for v in metric.stateless_reset_state())


def test_updates_under_bind_leave_the_metric_alone():
    metric = metrics.Mean()
    with bind(metric.variables, [np.float32(3), np.float32(1)]) as scope:
        metric.update_state(np.array([5.0]))
        assert [float(x) for x in scope.values(metric.variables)] == [8.0, 2.0]
    assert float(metric.result()) == 0.0


def test_metrics_within_metrics_are_counted():
    class Both(metrics.Metric):
        def __init__(self):
            super().__init__()
            self.seen = self.add_weight(name='seen')
            self.inner = metrics.Mean()

    assert [v.name for v in Both().variables] == ['seen', 'total', 'count']


def test_cut_weights_are_told():
    with pytest.warns(UserWarning, match="dtype='float32'"):
        metrics.MeanIoU(2)(np.array([0, 1]), np.array([0, 1]), sample_weight=np.array([0.5, 0.5]))


def test_mistakes_are_named():
    with pytest.raises(UnknownNameError, match="'accuracy'"):
        metrics.get('acuracy')
    with pytest.raises(ArgumentError, match='thresholds'):
        metrics.Precision(thresholds=[2.0])
    with pytest.raises(ArgumentError, match='recall between 0 and 1'):
        metrics.PrecisionAtRecall(1.5)
    with pytest.raises(UnknownNameError, match='PRGAIN'):
        metrics.AUC(curve='PRGAINS')
    with pytest.raises(ShapeError, match='classes'):
        metrics.F1Score()(np.zeros(3), np.zeros(3))
    with pytest.raises(ShapeError, match=r'\(3, 2\)'):
        metrics.Recall()(np.zeros(3), np.zeros((3, 2)))
