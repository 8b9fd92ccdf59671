"""Meshes, layouts and distributions, against Keras's, and what bad ones get."""

import inspect
from typing import Any

import jax
import keras
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from hefted import Sequential, distribution, layers
from hefted.distribution import (
    DataParallel,
    DeviceMesh,
    FullyShardedDataParallel,
    LayoutMap,
    ModelParallel,
    TensorLayout,
    distribute_tensor,
    list_devices,
)
from hefted.distribution.placing import placing_for
from hefted.errors import ArgumentError

MESH = DeviceMesh((1, 1), ('batch', 'model'), ['cpu:0'])


class Shaped:
    """As much of a variable as a layout needs."""

    def __init__(self, *shape: int, path: str = 'dense/kernel') -> None:
        self.shape, self.path = shape, path


def test_devices_are_named_as_keras_names_them():
    assert list_devices() == keras.distribution.list_devices()
    assert distribution.get_device_count('cpu') == keras.distribution.get_device_count('cpu')
    with pytest.raises(ArgumentError, match="received 'tpu'"):
        list_devices('tpu')


@pytest.mark.parametrize('name', [each for each in dir(keras.distribution) if not each.startswith('_')])
def test_every_name_of_keras_s_is_here_with_its_arguments_and_members(name: str):
    theirs, ours = getattr(keras.distribution, name), getattr(distribution, name)
    taken = [each for each in inspect.signature(theirs).parameters if each != 'kwargs']
    assert [each for each in inspect.signature(ours).parameters if each in taken] == taken
    if inspect.isclass(theirs):
        made = {
            'LayoutMap': lambda of: of.LayoutMap(mesh(of)),
            'ModelParallel': lambda of: of.ModelParallel(layout_map=of.LayoutMap(mesh(of)), device_mesh=mesh(of)),
            'TensorLayout': lambda of: of.TensorLayout(('batch',)),
            'DeviceMesh': mesh,
            'DataParallel': lambda of: of.DataParallel(devices=['cpu:0']),
        }[name]
        members = {each for each in dir(made(keras.distribution)) if not each.startswith('_')}
        assert members - set(dir(made(distribution))) <= {'distribute_tf_dataset'}  # docs/differences.md


def mesh(of: Any) -> Any:
    return of.DeviceMesh((1, 1), ('batch', 'model'), ['cpu:0'])


def test_alone_a_process_has_the_whole_batch():
    how = DataParallel(devices=['cpu:0'])
    assert how.data_shard_id == keras.distribution.DataParallel(devices=['cpu:0']).data_shard_id == 0
    assert how.distribute_dataset(rows := [[1.0]]) is rows


@pytest.mark.parametrize('path', ['dense/kernel', 'model/dense_1/kernel', 'conv/kernel', 'dense/bias'])
def test_a_layout_map_finds_what_keras_s_finds(path: str):
    ours = LayoutMap(MESH)
    theirs = keras.distribution.LayoutMap(keras.distribution.DeviceMesh((1, 1), ('batch', 'model'), ['cpu:0']))
    for layouts in (ours, theirs):
        layouts['.*dense.*kernel'] = (None, 'model')
        layouts['dense/bias'] = ('model',)
    found, wanted = ours[path], theirs[path]
    assert (found and found.axes) == (wanted and wanted.axes)
    assert list(ours) == list(theirs)


def test_a_layout_map_whose_keys_overlap_is_refused_as_keras_refuses_it():
    layouts = LayoutMap(MESH)
    layouts['.*kernel'] = (None, 'model')
    layouts['dense/.*'] = (None, None)
    with pytest.raises(ArgumentError, match='make them disjoint'):
        _ = layouts['dense/kernel']
    with pytest.raises(ArgumentError, match='has not got'):
        layouts['.*kernel'] = (None, None)
    del layouts['.*kernel']
    assert len(layouts) == 1


@pytest.mark.parametrize(
    ('made', 'told'),
    [
        (lambda: DeviceMesh((2,), ('batch',), ['cpu:0']), 'which is for 2'),
        (lambda: DeviceMesh((1,), ('batch', 'model'), ['cpu:0']), 'as many axis_names'),
        (lambda: DeviceMesh((), (), ['cpu:0']), 'at least one axis'),
        (lambda: DeviceMesh((1,), ('batch',), ['cpu:7']).backend_mesh, "received 'cpu:7'"),
        (lambda: DataParallel(devices=[]), 'at least one device, received none'),
        (lambda: DeviceMesh((0,), ('batch',), []), 'at least one device, received none'),
        (lambda: DataParallel(devices=['cpu:0', 'cpu:0']), 'each device once, received cpu:0 more than once'),
        (lambda: DeviceMesh((1, 2), ('batch', 'model'), ['cpu', jax.devices('cpu')[0]]), 'each device once'),
        (lambda: DeviceMesh((-1, -1), ('batch', 'model'), ['cpu:0']), 'sizes of at least 1'),
        (lambda: TensorLayout(('rows',), MESH), 'axes among those of the mesh'),
        (lambda: TensorLayout(('batch', 'batch'), MESH), 'at most once'),
        (lambda: TensorLayout(('batch',)).backend_layout, 'without'),
        (lambda: ModelParallel(layout_map={}), 'to be a LayoutMap'),
        (lambda: ModelParallel(layout_map=LayoutMap(None)), 'without'),
        (lambda: ModelParallel(layout_map=LayoutMap(MESH), batch_dim_name='rows'), 'one of the axes'),
        (lambda: DataParallel(MESH, devices=['cpu:0']), 'received both'),
        (lambda: distribution.set_distribution('all'), 'received .all.'),
    ],
)
def test_what_does_not_fit_a_mesh_is_refused(made, told: str):
    with pytest.raises(ArgumentError, match=told):
        made()


class Eight(FullyShardedDataParallel):
    """As if there were eight devices."""

    num_model_replicas = 8  # pyright: ignore


@pytest.mark.parametrize(
    ('shape', 'axes'),
    [
        ((64, 512), (None, 'batch')),
        ((512, 64), ('batch', None)),
        ((100, 64), (None, 'batch')),
        ((33, 65), (None, None)),  # neither is divided by eight
        ((8, 8), (None, None)),  # too small to be worth it
        ((), ()),
    ],
)
def test_a_fully_sharded_weight_is_split_along_its_largest_dimension_that_divides(shape, axes):
    assert Eight(devices=['cpu:0']).get_variable_layout(Shaped(*shape)).axes == axes


def test_a_layout_that_does_not_fit_its_variable_is_refused_by_name():
    layouts = LayoutMap(MESH)
    layouts['.*kernel'] = ('model',)
    with pytest.raises(ArgumentError, match='layout of 2 axes'):
        ModelParallel(layout_map=layouts).get_variable_layout(Shaped(3, 4))


def test_a_batch_that_devices_do_not_divide_is_refused_with_sizes_that_they_do():
    with Eight(devices=['cpu:0']).scope(), pytest.raises(ArgumentError, match='24 or 32 rows a step'):
        placing_for(30)


def test_a_distribution_is_current_within_its_scope_alone():
    one = DataParallel(devices=['cpu:0'])
    assert distribution.distribution() is None
    with one.scope():
        assert distribution.distribution() is one
    assert distribution.distribution() is None
    distribution.set_distribution(one)
    assert distribution.distribution() is one
    distribution.set_distribution(None)


def test_an_array_is_laid_out_in_a_step_and_out_of_it():
    layout = TensorLayout(('batch', None), MESH)
    assert distribute_tensor(np.ones((2, 2), 'float32'), layout).sharding.spec[0] == 'batch'
    assert float(jax.jit(lambda x: distribute_tensor(x, layout).sum())(np.ones((2, 2)))) == 4


def test_a_distribution_over_one_device_trains_as_none_does():
    x, y = np.arange(40, dtype='float32').reshape(10, 4) / 40, np.ones((10, 1), 'float32')

    def trained() -> list[float]:
        model = Sequential([layers.Dense(1, kernel_initializer='ones')])
        model.compile('sgd', 'mse')
        return model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0).history['loss']

    alone = trained()
    with DataParallel(devices=['cpu:0']).scope():
        assert trained() == pytest.approx(alone, rel=1e-6)


@pytest.mark.parametrize('made', [
    lambda: DataParallel(devices=['cpu:0']),
    lambda: FullyShardedDataParallel(devices=['cpu:0'], least_size=1),
    lambda: mapped('.*kernel'),
])  # fmt: skip
def test_an_equal_distribution_made_anew_compiles_nothing_anew(made):
    model = Sequential([layers.Input((4,)), layers.Dense(2)])
    model.compile('sgd', 'mse')
    compiled: list[int] = []
    for _ in range(2):
        with made().scope():
            model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)
        compiled.append(len(model._compiled))
    assert compiled[0] == compiled[1]


def test_distributions_that_split_otherwise_are_not_equal():
    told = [
        DataParallel(devices=['cpu:0']),
        DataParallel(devices=['cpu:0'], auto_shard_dataset=False),
        FullyShardedDataParallel(devices=['cpu:0']),
        FullyShardedDataParallel(devices=['cpu:0'], least_size=1),
        mapped('.*kernel'),
        mapped('.*bias', ('model',)),
        type('Own', (DataParallel,), {})(devices=['cpu:0']),
        type('Own', (DataParallel,), {})(devices=['cpu:0']),
    ]
    assert all(one != other for at, one in enumerate(told) for other in told[:at])
    assert mapped('.*kernel') == mapped('.*kernel')


def mapped(key: str, axes: tuple[str | None, ...] = (None, 'model')) -> ModelParallel:
    layouts = LayoutMap(MESH)
    layouts[key] = axes
    return ModelParallel(layout_map=layouts)


def test_a_key_that_names_no_weight_is_warned_of_once():
    model = Sequential([layers.Input((4,)), layers.Dense(2, name='head')])
    model.compile('sgd', 'mse')
    with mapped('denze/kernel').scope():
        with pytest.warns(UserWarning, match=r"no weight of the model: \['denze/kernel'\].*head/kernel'"):
            model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)
        model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)


def test_a_map_of_kernels_is_not_asked_about_what_an_optimizer_keeps_in_another_shape():
    model = Sequential([layers.Input((4,)), layers.Dense(2)])
    model.compile('adafactor', 'mse')  # its means of rows and columns are called kernel, too, and have one dimension
    with mapped('.*kernel').scope():
        model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)
    assert {v.value.sharding.spec for v in model.optimizer.variables if v.path.endswith('/kernel')} == {P()}
    assert model.trainable_variables[0].value.sharding.spec == P(None, 'model')


def test_what_optax_keeps_for_a_weight_lies_as_the_weight_does():
    import optax

    model = Sequential([layers.Input((4,)), layers.Dense(2)])
    model.compile(optax.adam(1e-3), 'mse')
    with mapped('.*kernel').scope():
        model.fit(np.ones((8, 4)), np.ones((8, 2)), verbose=0)
    lies = [(v.shape, v.value.sharding.spec) for v in model.optimizer.variables if v.ndim]
    assert lies == [((4, 2), P(None, 'model')), ((2,), P(None)), ((4, 2), P(None, 'model')), ((2,), P(None))]


def test_a_key_that_is_no_regular_expression_is_refused():
    with pytest.raises(ArgumentError, match=r"to be a regular expression for paths, received '\['"):
        LayoutMap(MESH)['['] = (None, 'model')
