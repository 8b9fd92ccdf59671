"""Clouds: asked only where the firmware names one and the user allows it, briefly, and believed only where it fits."""

import time

import pytest

from hefted import settings
from hefted.footprint import cloud, place
from hefted.footprint.cloud import Cloud

EC2 = {'sys_vendor': 'Amazon EC2', 'board_vendor': 'Amazon EC2', 'product_name': 'p5.48xlarge'}
AZURE = {'sys_vendor': 'Microsoft Corporation', 'chassis_asset_tag': '7783-7084-3265-9085-8269-3286-77'}
GOOGLE = {'sys_vendor': 'Google', 'product_name': 'Google Compute Engine'}
DOCUMENT = {'accountId': '123', 'region': 'us-west-2', 'instanceType': 'p5.48xlarge', 'version': '2017-09-30'}


def firmware(root, fields):
    folder = root / 'sys' / 'class' / 'dmi' / 'id'
    folder.mkdir(parents=True)
    for name, text in fields.items():
        (folder / name).write_text(text + '\n')
    return str(root)


@pytest.mark.parametrize(
    ('fields', 'named'),
    [
        (EC2, 'aws'),
        (AZURE, 'azure'),
        (GOOGLE, 'gcp'),
        ({'sys_vendor': 'Microsoft Corporation', 'product_name': 'Virtual Machine'}, None),  # Hyper-V at home
        ({'sys_vendor': 'Google', 'product_name': 'Google Pixelbook'}, None),
        ({'sys_vendor': 'QEMU'}, None),
        ({}, None),
    ],
)
def test_the_firmware_names_the_cloud(tmp_path, fields, named):
    assert cloud.provider(firmware(tmp_path, fields)) == named


def test_aws_is_asked_with_a_token(service):
    def answer(handler):
        if handler.command == 'PUT':
            return service.send(handler, 'secret==')
        assert handler.headers['X-aws-ec2-metadata-token'] == 'secret=='
        return service.send(handler, DOCUMENT)

    service.answer = answer
    assert cloud.ask('aws', service.address, 2) == Cloud('aws:us-west-2', 'aws:p5.48xlarge')
    (one, path, headers), (two, document, _) = service.asked
    assert (one, path, headers['x-aws-ec2-metadata-token-ttl-seconds']) == ('PUT', '/latest/api/token', '60')
    assert (two, document) == ('GET', '/latest/dynamic/instance-identity/document')


def test_azure_and_google_are_asked_as_they_document(service):
    service.says({'compute': {'location': 'westus2', 'vmSize': 'Standard_ND96isr_H100_v5'}, 'network': {}})
    assert cloud.ask('azure', service.address, 2) == Cloud('azure:westus2', 'azure:Standard_ND96isr_H100_v5')
    assert service.asked[0][1] == '/metadata/instance?api-version=2021-02-01'
    assert service.asked[0][2]['metadata'] == 'true'
    service.asked.clear()
    service.says('projects/12345/zones/us-west1-b', 'projects/12345/machineTypes/a3-highgpu-8g')
    assert cloud.ask('gcp', service.address, 2) == Cloud('gcp:us-west1', 'gcp:a3-highgpu-8g')
    assert [path.rpartition('/')[2] for _, path, _ in service.asked] == ['zone', 'machine-type']
    assert {headers['metadata-flavor'] for _, _, headers in service.asked} == {'Google'}


@pytest.mark.parametrize(
    'document',
    [
        '<html>captive portal</html>',
        '[1]',
        '[' * 20000,
        {'region': 5},
        {'region': 'us west\u001b[31m'},
        {'instanceType': 'p5.48xlarge'},
        b'\xff\xfe',
        {'region': 'us-west-2', 'padding': 'x' * 100_000},
    ],
    ids=['html', 'list', 'deep', 'number', 'escape', 'no region', 'bytes', 'huge'],
)
def test_an_answer_that_cannot_be_right_is_none(service, document):
    service.says('token', document)
    assert cloud.ask('aws', service.address, 2) is None


def test_an_instance_type_that_cannot_be_right_is_left_out(service):
    service.says('token', {'region': 'eu-west-3', 'instanceType': '../../etc'})
    assert cloud.ask('aws', service.address, 2) == Cloud('aws:eu-west-3', None)


@pytest.mark.parametrize('status', [301, 302, 307, 401, 404, 500])
def test_redirections_are_not_followed_and_errors_are_none(service, status):
    service.says('elsewhere', status=status, Location=f'{service.address}/elsewhere')
    assert cloud.ask('gcp', service.address, 2) is None
    assert len(service.asked) == 1


@pytest.mark.parametrize('how', ['hang', 'drip'])
def test_a_slow_server_is_waited_for_only_so_long(service, how):
    service.answer = getattr(service, how)
    seconds = []
    for _ in range(3):  # a busy machine may stand still meanwhile
        begun = time.monotonic()
        assert cloud.ask('gcp', service.address) is None
        seconds.append(time.monotonic() - begun)
        if seconds[-1] < cloud.LIMIT_SECONDS + 0.3:
            break
    assert min(seconds) < cloud.LIMIT_SECONDS + 0.3


def test_where_nobody_listens_there_is_no_answer(service):
    service.close()
    assert cloud.ask('aws', service.address) is None


def test_proxies_are_not_used(service, monkeypatch):
    monkeypatch.setenv('http_proxy', 'http://127.0.0.1:9')
    service.says('projects/1/zones/europe-west9-a', 'projects/1/machineTypes/n2-standard-4')
    assert cloud.ask('gcp', service.address, 2) == Cloud('gcp:europe-west9', 'gcp:n2-standard-4')


def test_no_cloud_is_asked_unless_the_user_allows_it(monkeypatch):
    monkeypatch.delenv('HEFTED_CLOUD_METADATA', raising=False)
    assert not settings.cloud_metadata()
    cloud.this_cloud.cache_clear()
    monkeypatch.setattr(cloud, 'provider', lambda: pytest.fail('the firmware was read'))
    assert cloud.region() is None
    cloud.this_cloud.cache_clear()


def test_the_instance_that_the_cloud_names_has_its_list_price(monkeypatch):
    from hefted.footprint.factors import factors_for
    from hefted.metering.machine import Machine

    here = place.Place('aws:us-east-1')
    monkeypatch.setattr(cloud, 'this_cloud', lambda: Cloud('aws:us-east-1', 'aws:p4d.24xlarge'))
    assert factors_for(here, Machine(provider='aws')).price.basis == 'assumed'
    assert factors_for(here, Machine(provider='azure')).price is None
    assert factors_for(here, Machine()).price is None
    monkeypatch.setattr(cloud, 'this_cloud', lambda: Cloud('aws:us-east-1', 'aws:x9.unheard-of'))
    assert factors_for(here, Machine(provider='aws')).price is None


def test_a_place_that_the_cloud_says_comes_after_all_that_people_say():
    def says():
        return 'aws:us-west-2'

    found = place.find(None, {}, {}, cloud_says=says)
    assert (found.code, found.cloud_region, found.known_by, found.basis) == (
        'US-OR',
        'aws:us-west-2',
        'cloud',
        'measured',
    )
    assert place.find(None, {}, {'place': 'FR'}, cloud_says=says).known_by == 'settings'
    assert place.find(None, {}, {}, cloud_says=lambda: 'aws:mars-north-1').known_by == 'assumed'
