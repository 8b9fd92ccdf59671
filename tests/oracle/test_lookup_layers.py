"""Lookups and hashes are Keras's, to the bucket.

Keras needs TensorFlow for them, which the tests' environment does not have. The values beside the cases were printed
by keras 3.15.1 on JAX with tensorflow 2.21.0: `layer(x)` after `adapt`, `tf.strings.to_hash_bucket_fast` and `_strong`.
"""

import numpy as np
import pytest

import hefted
from hefted import Input, Model, layers
from hefted.layers import HashedCrossing, Hashing, IntegerLookup, StringLookup
from hefted.utils.fingerprints import buckets

WORDS = [
    '', 'A', 'B', 'ab', 'abc', 'abcd', 'hello', 'zwölf', 'eight chr', 'sixteen bytes ok', 'seventeen bytes !',
    'x' * 32, 'y' * 33, 'z' * 64, 'q' * 65, 'The quick brown fox jumps over the lazy dog. ' * 4, 'e' * 128,
]  # fmt: skip
FARM = [
    1936946117179621341, 3080236001339896681, 4091874029135255567, 3066228220894225580, 2640714258260161385,
    1897425971756105985, 3786372426573024374, 157284276917830461, 1000221547007684226, 2713574589224108847,
    2818291816395205064, 3678204687145032595, 3999049019338133189, 294799756062990872, 3080958293828885232,
    2895500079757355426, 636238372002547799,
]  # fmt: skip
SIP = [
    316627932347062939, 2734447641339851102, 2663302974717928070, 3814769135020288330, 2288159068006479984,
    3196519216900851996, 1067426241479190957, 2240856929148896060, 1876346379786422510, 3492861557101930080,
    574664313126567552, 814092544179586341, 3745711414651606497, 3484376427546784461, 203371353842262250,
    70175252174585622, 64202503951138113,
]  # fmt: skip


def test_hashes_are_tensorflow_s_at_every_length():
    count = 2**62 + 57
    assert buckets(np.array(WORDS), count).tolist() == FARM
    assert buckets(np.array(WORDS), count, [133, 137]).tolist() == SIP


LETTERS = np.array([['b'], ['a'], ['b'], ['c'], ['a'], ['d']])
PAIRS = np.array([['a', 'b'], ['c', 'a']])
NUMBERS = np.array([[5], [7], [5], [-3], [7], [5]])
ASKED = np.array([['a'], ['b'], ['z'], ['']])
UNKNOWN = np.array([['a'], ['q'], ['r'], ['s'], ['t']])
ASKED_NUMBERS = np.array([[5], [7], [100], [-3], [0]])
ASKED_PAIRS = np.array([['a', 'b'], ['z', ''], ['a', 'a']])
ONES = [[0, 0, 1, 0, 0], [0, 1, 0, 0, 0], [1, 0, 0, 0, 0], [1, 0, 0, 0, 0]]
LEARNED = ['[UNK]', 'b', 'a', 'd', 'c']
LOOKUPS = [
    (StringLookup, {}, LETTERS, ASKED, [[2], [1], [0], [0]], LEARNED),
    (StringLookup, {'num_oov_indices': 3}, LETTERS, UNKNOWN, [[4], [2], [1], [1], [1]], ['[UNK]'] * 2 + LEARNED),
    (StringLookup, {'num_oov_indices': 3, 'salt': [1, 2]}, LETTERS, UNKNOWN, [[4], [0], [0], [1], [1]], None),
    (StringLookup, {'mask_token': '', 'max_tokens': 4}, LETTERS, ASKED, [[3], [2], [1], [0]], ['', '[UNK]', 'b', 'a']),
    (StringLookup, {'output_mode': 'one_hot'}, LETTERS, ASKED, ONES, LEARNED),
    (StringLookup, {'output_mode': 'multi_hot'}, LETTERS, ASKED, ONES, LEARNED),
    (StringLookup, {'output_mode': 'count', 'mask_token': ''}, PAIRS, ASKED_PAIRS,
     [[0, 1, 0, 1], [1, 0, 0, 0], [0, 2, 0, 0]], ['[UNK]', 'a', 'c', 'b']),
    (StringLookup, {'output_mode': 'tf_idf', 'mask_token': ''}, PAIRS, ASKED_PAIRS,
     [[0, 0.51082563, 0, 0.69314718], [0.63237333, 0, 0, 0], [0, 1.02165127, 0, 0]], None),
    (StringLookup, {'output_mode': 'count', 'max_tokens': 7, 'pad_to_max_tokens': True}, LETTERS, ASKED,
     [[*row, 0, 0] for row in ONES], LEARNED),
    (StringLookup, {'vocabulary': ['p', 'q']}, None, np.array([['q', 'p', 'w']]), [[2, 1, 0]], ['[UNK]', 'p', 'q']),
    (StringLookup, {'vocabulary': ['p', 'q'], 'invert': True}, None, np.array([[1, 2, 0, 9]]),
     [['p', 'q', '[UNK]', '[UNK]']], None),
    (IntegerLookup, {}, NUMBERS, ASKED_NUMBERS, [[1], [2], [0], [3], [0]], [-1, 5, 7, -3]),
    (IntegerLookup, {'num_oov_indices': 3}, NUMBERS, ASKED_NUMBERS, [[3], [4], [1], [5], [0]], None),
    (IntegerLookup, {'num_oov_indices': 3, 'oov_method': 'farmhash'}, NUMBERS, ASKED_NUMBERS,
     [[3], [4], [0], [5], [1]], None),
    (IntegerLookup, {'mask_token': 0}, NUMBERS, ASKED_NUMBERS, [[2], [3], [1], [4], [0]], [0, -1, 5, 7, -3]),
    (IntegerLookup, {'vocabulary': [12, 36], 'invert': True}, None, np.array([[1, 2, 0]]), [[12, 36, -1]], None),
    (Hashing, {'num_bins': 1000}, None, np.array([[0], [1], [-7], [123456789]]), [[735], [849], [62], [306]], None),
    (Hashing, {'num_bins': 3, 'mask_value': ''}, None, np.array([['A'], ['B'], [''], ['C']]), [[1], [1], [0], [2]],
     None),
    (Hashing, {'num_bins': 5, 'mask_value': 2}, None, np.array([[1, 2, 3], [2, 2, 4]]), [[2, 0, 2], [0, 0, 4]], None),
    (Hashing, {'num_bins': 4, 'output_mode': 'count'}, None, np.array([['A', 'B'], ['A', 'A']]),
     [[2, 0, 0, 0], [2, 0, 0, 0]], None),
    (HashedCrossing, {'num_bins': 1000}, None, (np.array(list('ABABA')), np.array([101, 101, 101, 102, 102])),
     [891, 754, 891, 576, 523], None),
    (HashedCrossing, {'num_bins': 1000}, None, (np.array([['A'], ['B']]), np.array([['x'], ['y']])), [[210], [8]],
     None),
    (HashedCrossing, {'num_bins': 1000}, None, (np.array([1, -2]), np.array([3, 4]), np.array([5, 6])), [947, 419],
     None),
    (HashedCrossing, {'num_bins': 4, 'output_mode': 'one_hot'}, None, (np.array([['A'], ['B']]), np.array([[1], [2]])),
     [[0, 0, 0, 1], [0, 0, 1, 0]], None),
]  # fmt: skip


@pytest.mark.parametrize(('layer', 'arguments', 'data', 'x', 'wanted', 'vocabulary'), LOOKUPS, ids=str)
def test_lookups_are_kerass_and_so_are_those_of_their_configs(layer, arguments, data, x, wanted, vocabulary):
    made = layer(**arguments)
    if data is not None:
        made.adapt(data)
    for one in (made, layer.from_config(made.get_config())):
        got = np.asarray(one(x))
        assert got.shape == np.shape(wanted)
        if got.dtype.kind == 'U':
            assert got.tolist() == wanted
        else:
            np.testing.assert_allclose(got, wanted, rtol=1e-6)
            assert got.dtype.itemsize == 4
        assert vocabulary is None or one.get_vocabulary() == vocabulary


@pytest.mark.parametrize('make', [
    lambda: StringLookup(max_tokens=1), lambda: StringLookup(num_oov_indices=-1), lambda: StringLookup(output_mode='x'),
    lambda: StringLookup(pad_to_max_tokens=True), lambda: StringLookup(vocabulary=['a', 'a']),
    lambda: StringLookup(vocabulary=['a', 'b'], max_tokens=2), lambda: StringLookup(invert=True, output_mode='count'),
    lambda: StringLookup(vocabulary=['a'], output_mode='tf_idf'), lambda: StringLookup(idf_weights=[1.0]),
    lambda: StringLookup(vocabulary=['a', 'm'], mask_token='m'), lambda: StringLookup(output_mode='count')(['a']),
    lambda: StringLookup(vocabulary=['a']).adapt(['b']),
    lambda: StringLookup(vocabulary=['a'], num_oov_indices=0)(['b']),
    lambda: StringLookup(vocabulary=['a'])([1]), lambda: StringLookup(vocabulary=['a'])(np.array(['a', None])),
    lambda: StringLookup.from_config({'vocabulary': 'words.txt'}), lambda: StringLookup(sparse=True),
    lambda: IntegerLookup(salt=3), lambda: IntegerLookup(vocabulary_dtype='int8'), lambda: IntegerLookup()([0.5]),
    lambda: Hashing(0), lambda: Hashing(3, output_mode='x'), lambda: Hashing(3, salt=[1]),
    lambda: Hashing(3, dtype='float32'), lambda: HashedCrossing(3)([np.array([1])]),
    lambda: HashedCrossing(3)([np.array([1]), np.array([1, 2])]),
    lambda: HashedCrossing(3)([np.array([0.5]), np.array([1])]), lambda: HashedCrossing(3, output_mode='count'),
])  # fmt: skip
def test_what_is_wrong_is_told(make):
    with pytest.raises(ValueError, match=r'[Ee]xpected|Cannot|has no vocabulary|names a vocabulary'):
        make()


def test_configs_have_keras_s_keys():
    # Printed as above, by keras.saving.serialize_keras_object(layer).
    shared = {'name', 'trainable', 'dtype'}
    lookup = shared | {
        'invert', 'max_tokens', 'num_oov_indices', 'oov_token', 'mask_token', 'output_mode', 'sparse',
        'pad_to_max_tokens', 'idf_weights', 'vocabulary', 'vocabulary_size', 'oov_method', 'salt',
    }  # fmt: skip
    assert set(StringLookup(vocabulary=['a']).get_config()) == lookup | {'encoding'}
    assert set(IntegerLookup().get_config()) == lookup | {'vocabulary_dtype'}
    assert set(Hashing(3).get_config()) == shared | {'num_bins', 'salt', 'mask_value', 'output_mode', 'sparse'}
    assert set(HashedCrossing(3).get_config()) == {'num_bins', 'output_mode', 'sparse', 'name', 'dtype'}
    assert Hashing(3, salt=4).get_config()['salt'] == [4, 4]


def test_a_model_of_words_is_trained_saved_and_asked(tmp_path):
    words = np.array([['red'], ['green'], ['red'], ['blue']] * 8)
    y = (words == 'red').astype('float32')
    inputs = Input((1,), dtype='string')
    lookup = StringLookup()
    lookup.adapt(words)
    x = layers.Flatten()(layers.Embedding(lookup.vocabulary_size(), 3)(lookup(inputs)))
    model = Model(inputs, layers.Dense(1, activation='sigmoid')(x))
    model.compile(hefted.optimizers.Adam(0.1), 'binary_crossentropy')
    losses = model.fit(words, y, epochs=6, batch_size=8, verbose=0, validation_split=0.25).history['loss']
    assert losses[-1] < 0.5 * losses[0]
    model.fit(((words[i : i + 8], y[i : i + 8]) for i in range(0, 32, 8)), verbose=0)
    model.save(tmp_path / 'words.keras')
    for one in (model, hefted.models.load_model(tmp_path / 'words.keras')):
        predicted = one.predict(words[:4], verbose=0)
        np.testing.assert_allclose(predicted, model(words[:4]), rtol=1e-5)
        assert (predicted > 0.5).ravel().tolist() == [True, False, True, False]
    model.summary(print_fn=lambda _: None)


def test_where_no_words_can_be_looked_up_that_is_told():
    model = hefted.Sequential([IntegerLookup(vocabulary=[1, 2]), layers.Embedding(3, 2)])
    with pytest.raises(ValueError, match='runs on the host'):
        model.predict(np.array([[1, 2]]), verbose=0)
    words = Input((1,), dtype='string')
    lookup = StringLookup(vocabulary=['a'])
    model = Model(words, layers.Embedding(2, 1)(lookup(words)))
    np.testing.assert_array_equal(model.predict(['a', 'b'], verbose=0), model(np.array([['a'], ['b']])))
    with pytest.raises(ValueError, match='no such file holds it'):
        model.export('never.bin')
    with pytest.raises(ValueError, match='only layers that look words up'):
        model(Input((1,), dtype='string'))
    with pytest.raises(ValueError, match='outputs to be numbers'):
        Model(inputs := Input((1,), dtype='int32'), StringLookup(vocabulary=['a'], invert=True)(inputs))
    inputs = Input((1,))
    with pytest.raises(ValueError, match='never be trained'):
        Model(inputs, IntegerLookup(vocabulary=[1])(layers.Dense(1)(inputs)))
