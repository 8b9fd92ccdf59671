"""What a launcher's variables say of this process."""

from __future__ import annotations

import pytest

from hefted import world
from hefted.errors import ArgumentError
from hefted.world import World

SRUN = {
    'SLURM_JOB_ID': '4099', 'SLURM_STEP_ID': '2', 'SLURM_PROCID': '5', 'SLURM_NTASKS': '8', 'SLURM_STEP_NUM_TASKS': '8',
    'SLURM_LOCALID': '1', 'SLURM_NODEID': '1', 'SLURM_STEP_TASKS_PER_NODE': '4(x2)',
    'SLURM_STEP_NODELIST': 'gpu[007,009-012]',
}  # fmt: skip
MPIRUN = {
    'OMPI_COMM_WORLD_RANK': '1', 'OMPI_COMM_WORLD_SIZE': '4', 'OMPI_COMM_WORLD_LOCAL_RANK': '1',
    'OMPI_COMM_WORLD_LOCAL_SIZE': '4', 'OMPI_MCA_ess_base_jobid': '1531576320',
    'OMPI_MCA_orte_hnp_uri': '1531576320.0;tcp://10.96.0.1,10.148.0.1:34911',
}  # fmt: skip
TORCHRUN = {'MASTER_ADDR': 'node1', 'MASTER_PORT': '29500', 'WORLD_SIZE': '4', 'RANK': '3', 'LOCAL_RANK': '1'}
PLAIN = {'HEFTED_COORDINATOR': 'node1:1234', 'HEFTED_NUM_PROCESSES': '4', 'HEFTED_PROCESS_ID': '2'}


def test_nothing_said_is_a_world_of_one():
    assert world.found({}) == World(0, 1, None, 'alone')


def test_srun_says_rank_size_place_on_the_host_and_where_rank_0_is():
    assert world.found(SRUN) == World(5, 8, 'gpu007:61443', 'slurm', 1, 4, 'slurm-4099.2')


def test_the_script_of_sbatch_is_one_process_although_its_job_has_many_tasks():
    script = {name: SRUN[name] for name in ('SLURM_JOB_ID', 'SLURM_PROCID', 'SLURM_NTASKS', 'SLURM_LOCALID')}
    assert world.found(script).size == 1


def test_hosts_of_slurm_may_have_different_numbers_of_tasks():
    told = SRUN | {'SLURM_STEP_TASKS_PER_NODE': '2,3(x2)', 'SLURM_NODEID': '0'}
    assert world.found(told).local_size == 2


def test_mpirun_on_one_host_meets_on_that_host():
    found = world.found(MPIRUN)
    assert (found.rank, found.size, found.local_rank, found.by) == (1, 4, 1, 'openmpi')
    assert found.coordinator is not None and found.coordinator.startswith('127.0.0.1:')


def test_mpirun_over_hosts_meets_where_it_was_started():
    found = world.found(MPIRUN | {'OMPI_COMM_WORLD_LOCAL_SIZE': '2'})
    assert found.coordinator is not None and found.coordinator.startswith('10.96.0.1:')


def test_mpirun_inside_a_slurm_job_counts_before_slurm():
    assert world.found(SRUN | MPIRUN).by == 'openmpi'


def test_plain_variables_count_before_all_others():
    assert world.found(SRUN | MPIRUN | TORCHRUN | PLAIN) == World(2, 4, 'node1:1234', 'hefted')


def test_torchruns_variables_are_read_and_its_own_port_is_left_to_it():
    assert world.found(TORCHRUN) == World(3, 4, 'node1:29500', 'torchrun', 1)
    assert world.found(TORCHRUN | {'TORCHELASTIC_RUN_ID': 'x'}).coordinator == 'node1:29501'


def test_an_indexed_job_of_kubernetes_counts_by_its_completion_index():
    told = {'JOB_COMPLETION_INDEX': '3', 'HEFTED_NUM_PROCESSES': '4', 'HEFTED_COORDINATOR': 'bert-0.bert:1234'}
    assert world.found(told) == World(3, 4, 'bert-0.bert:1234', 'kubernetes')
    assert world.found({'JOB_COMPLETION_INDEX': '3'}).size == 1  # an indexed Job of single processes


def test_kerass_variables_are_read_as_keras_reads_them():
    told = {
        'KERAS_DISTRIBUTION_JOB_ADDRESSES': '10.0.0.1:1234,10.0.0.2:2345', 'KERAS_DISTRIBUTION_NUM_PROCESSES': '2',
        'KERAS_DISTRIBUTION_PROCESS_ID': '1',
    }  # fmt: skip
    assert world.found(told) == World(1, 2, '10.0.0.1:1234', 'keras')
    with pytest.raises(ArgumentError, match=r'KERAS_DISTRIBUTION_JOB_ADDRESSES: expected .* 3 processes, received 2'):
        world.found(told | {'KERAS_DISTRIBUTION_NUM_PROCESSES': '3'})


def test_mpich_on_one_host_needs_no_coordinator_and_over_hosts_says_that_it_does():
    told = {'PMI_RANK': '1', 'PMI_SIZE': '2', 'MPI_LOCALRANKID': '1', 'MPI_LOCALNRANKS': '2'}
    assert world.found(told).coordinator == '127.0.0.1:51427'
    with pytest.raises(ArgumentError, match='Expected HEFTED_COORDINATOR to say where rank 0 waits'):
        world.found(told | {'MPI_LOCALNRANKS': '1'})


@pytest.mark.parametrize(
    ('changed', 'message'),
    [
        ({'HEFTED_PROCESS_ID': '4'}, r'a rank from 0 to 3, as there are 4 processes, received 4'),
        ({'HEFTED_PROCESS_ID': 'two'}, r"HEFTED_PROCESS_ID: expected a whole number from 0 on, received 'two'"),
        ({'HEFTED_PROCESS_ID': ''}, r'HEFTED_PROCESS_ID is not set'),
        ({'HEFTED_NUM_PROCESSES': '0'}, r"HEFTED_NUM_PROCESSES: expected a whole number from 1 on, received '0'"),
        ({'HEFTED_NUM_PROCESSES': ''}, r'HEFTED_NUM_PROCESSES is not set'),
        ({'HEFTED_COORDINATOR': 'node1'}, r"HEFTED_COORDINATOR: expected host:port, .*received 'node1'"),
        ({'HEFTED_COORDINATOR': 'fe80::1:1234'}, r'expected host:port'),
        ({'HEFTED_COORDINATOR': 'node1:99999'}, r'expected host:port'),
        ({'HEFTED_COORDINATOR': ''}, r'Expected HEFTED_COORDINATOR to say where rank 0 waits'),
    ],
)
def test_a_wrong_variable_is_named_with_what_was_expected(changed: dict[str, str], message: str):
    with pytest.raises(ArgumentError, match=message):
        world.found(PLAIN | changed)
    assert world.found_or_alone(PLAIN | changed).size == 1
