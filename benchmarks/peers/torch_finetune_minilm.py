"""MiniLM fine-tuned by PyTorch with transformers: the same sentences, batch, rate, decay, dropout and epochs."""

import secrets
import sys

import torch
from common import EPOCHS, Clock, report
from finetuning import BATCH, DECAY, RATE, finetuning_data, model_folder
from transformers import BertForSequenceClassification
from transformers.utils import logging

logging.set_verbosity_error()  # that the classifier is new is what is meant
torch.manual_seed(secrets.randbelow(1 << 30))


def tensors(parts, labels):
    return [torch.from_numpy(part).long() for part in (*parts, labels)]


def outputs(ids, segments, mask, labels):
    return forward(input_ids=ids, token_type_ids=segments, attention_mask=mask, labels=labels)


def fit(data, epochs):
    model.train()
    for _ in range(epochs):
        total = 0.0
        batches = torch.randperm(len(data[0])).split(BATCH)
        for batch in batches:
            optimizer.zero_grad()
            loss = outputs(*(part[batch] for part in data)).loss
            loss.backward()
            optimizer.step()
            with torch.no_grad():
                total += loss
        result = float(total) / len(batches)
    return result


@torch.no_grad()
def evaluated(data):
    model.eval()
    loss = right = 0.0
    for batch in torch.arange(len(data[0])).split(BATCH):
        told = outputs(*(part[batch] for part in data))
        loss += float(told.loss) * len(batch)
        right += float((told.logits.argmax(-1) == data[-1][batch]).sum())
    return loss / len(data[0]), right / len(data[0])


train, unseen = (tensors(*part) for part in finetuning_data())
model = BertForSequenceClassification.from_pretrained(model_folder(), num_labels=2)
optimizer = torch.optim.AdamW(model.parameters(), lr=RATE, weight_decay=DECAY)
forward = torch.compile(model) if 'compiled' in sys.argv else model
fit(train, 1)
clock = Clock()
training_loss = fit(train, EPOCHS)
figures = clock.read(EPOCHS)
unseen_loss, unseen_accuracy = evaluated(unseen)
report(loss=unseen_loss, accuracy=unseen_accuracy, training_loss=training_loss, **figures)
