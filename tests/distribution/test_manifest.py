"""The manifest of docs/hosts.md is what Kubernetes reads, and its pods know who they are."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path
from typing import Any

import yaml

from hefted import world

DOCUMENT = Path(__file__).parents[2] / 'docs' / 'hosts.md'


def manifests() -> tuple[dict[str, Any], dict[str, Any]]:
    found = re.search(r'    apiVersion: v1.*?claimName: checkpoints\n', DOCUMENT.read_text('utf-8'), re.DOTALL)
    assert found is not None
    service, job = yaml.safe_load_all(textwrap.dedent(found[0]))
    return service, job


def test_the_pods_of_the_job_find_pod_0_by_the_headless_service():
    service, job = manifests()
    spec, pod = job['spec'], job['spec']['template']['spec']
    assert (service['kind'], service['spec']['clusterIP']) == ('Service', 'None')
    assert service['spec']['selector'] == {'job-name': job['metadata']['name']}
    assert service['spec']['publishNotReadyAddresses'] is True  # pods look for pod 0 before any is ready
    assert pod['subdomain'] == service['metadata']['name']
    assert (spec['completionMode'], spec['completions'] == spec['parallelism']) == ('Indexed', True)
    assert pod['restartPolicy'] in ('Never', 'OnFailure')  # all that a Job may say
    claimed = {volume['name'] for volume in pod['volumes']}
    assert {mount['name'] for mount in pod['containers'][0]['volumeMounts']} <= claimed


def test_each_pod_knows_its_rank():
    _, job = manifests()
    told = {each['name']: each['value'] for each in job['spec']['template']['spec']['containers'][0]['env']}
    assert all(isinstance(value, str) for value in told.values())  # Kubernetes takes no numbers there
    size = job['spec']['completions']
    found = [world.found(told | {'JOB_COMPLETION_INDEX': str(index)}) for index in range(size)]
    assert [(each.rank, each.size, each.by) for each in found] == [(index, size, 'kubernetes') for index in range(size)]
    name, service = job['metadata']['name'], job['spec']['template']['spec']['subdomain']
    assert found[0].coordinator == f'{name}-0.{service}:1234'
