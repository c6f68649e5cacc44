"""What SLURM has to know: four nodes that are all this machine."""

import os
import secrets
import socket

NODES = ('n1', 'n2', 'n3', 'n4')

#: What every node has for GPUs: SLURM wants devices, but never opens them.
GPUS = ('/dev/null', '/dev/zero')

#: A requeued job waits for as long as the credential of its last run is good,
#: and until the scheduler looks again.  Times in which SLURM itself gives up
#: are for a busy machine, as that in which a script that is queued again has
#: to say which nodes to leave out.
CONFIGURATION = '''
ClusterName=aspis
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmUser={user}
SlurmdUser={user}
AuthInfo=socket={folder}/munge.socket,cred_expire=10
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdSpoolDir={folder}/spool-%n
TmpFS={folder}/tmp
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SlurmdParameters=config_overrides
SchedulerParameters=batch_sched_delay=1,sched_interval=1
KillWait=30
MessageTimeout=100
TCPTimeout=60
BatchStartTimeout=200
ReturnToService=2
GresTypes=gpu
{nodes}
PartitionName=all Nodes=ALL Default=YES MaxTime=INFINITE State=UP
'''

NODE = ('NodeName={name} NodeHostname={host} NodeAddr=127.0.0.1 Port={port} '
        'CPUs=8 RealMemory=1000 Gres=gpu:{gpus} State=UNKNOWN')


def configure(folder, ports):
    """Write the files of a cluster, for the user who runs this.

    Parameters
    ----------
    folder : Path
    ports : sequence of int
        Of slurmctld, and of slurmd on every node.
    """
    for name in ('tmp', 'state'):
        (folder / name).mkdir()
    key = folder / 'munge.key'
    key.touch(0o600)
    key.write_bytes(secrets.token_bytes(1024))
    host = socket.gethostname().partition('.')[0]
    nodes = [NODE.format(name=name, host=host, port=port, gpus=len(GPUS))
             for name, port in zip(NODES, ports[1:])]
    (folder / 'slurm.conf').write_text(CONFIGURATION.format(
        host=host, port=ports[0], user=os.geteuid(), folder=folder,
        nodes='\n'.join(nodes)))
    (folder / 'gres.conf').write_text(
        ''.join(f'Name=gpu File={gpu}\n' for gpu in GPUS))
