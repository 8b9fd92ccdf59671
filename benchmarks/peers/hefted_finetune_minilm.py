"""MiniLM fine-tuned on sentences of film reviews: one epoch, and two more that are timed; another seed each run."""

import secrets

from common import EPOCHS, Clock, report
from finetuning import BATCH, DECAY, RATE, finetuning_data, model_folder

from hefted.losses import SparseCategoricalCrossentropy
from hefted.models import bert
from hefted.optimizers import AdamW
from hefted.utils import set_random_seed

set_random_seed(secrets.randbelow(1 << 30))


def named(parts):
    return dict(zip(('token_ids', 'segment_ids', 'padding_mask'), parts, strict=True))


(x, y), (unseen, answers) = finetuning_data()
model = bert.BertTextClassifier(bert.from_hugging_face(model_folder(), task='backbone'), num_classes=2)
loss = SparseCategoricalCrossentropy(from_logits=True)
model.compile(optimizer=AdamW(RATE, weight_decay=DECAY), loss=loss, metrics=['accuracy'])
model.fit(named(x), y, batch_size=BATCH, verbose=0)
clock = Clock()
history = model.fit(named(x), y, batch_size=BATCH, epochs=EPOCHS, verbose=0)
figures = clock.read(EPOCHS)
unseen_loss, unseen_accuracy = model.evaluate(named(unseen), answers, batch_size=BATCH, verbose=0)
report(loss=unseen_loss, accuracy=unseen_accuracy, training_loss=history.history['loss'][-1], **figures)
