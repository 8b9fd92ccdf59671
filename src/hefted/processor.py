"""What the processor says it is, by numbers rather than by its marketing name; on Linux, macOS and Windows."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from hefted.host import read_start


class CpuIdentity(NamedTuple):
    """What the processor says it is (a virtual machine may hide or fake it).

    Attributes:
        vendor: CPUID vendor ('GenuineIntel', 'AuthenticAMD'), or 'ARM', 'Ampere', 'Apple'; '' when unknown.
        family: CPUID family; None on Arm.
        model: CPUID model; on Arm the part number.
        stepping: CPUID stepping.
        name: The marketing name, for people.
        hypervisor: Whether this is a virtual machine; None when that cannot be told.
    """

    vendor: str = ''
    family: int | None = None
    model: int | None = None
    stepping: int | None = None
    name: str = ''
    hypervisor: bool | None = None


_ARM_IMPLEMENTERS = {0x41: 'ARM', 0x43: 'Cavium', 0x46: 'Fujitsu', 0x61: 'Apple', 0xC0: 'Ampere'}


def cpu_identity(cpuinfo: str = '/proc/cpuinfo') -> CpuIdentity:
    """Identify the processor, by numbers rather than by its marketing name.

    Args:
        cpuinfo: The file that Linux describes processors in.

    Returns:
        What is known; empty fields where nothing is.
    """
    try:
        if sys.platform == 'linux':
            return _linux_identity(
                read_start(cpuinfo, 8192)
            )  # the first processor: on 256 threads all of it takes 20 ms
        if sys.platform == 'darwin':
            return _mac_identity()
        return _windows_identity()
    except (OSError, ValueError):
        return CpuIdentity()


def _linux_identity(text: str) -> CpuIdentity:
    fields: dict[str, str] = {}
    for line in text.split('\n\n', 1)[0].splitlines():
        key, _, value = line.partition(':')
        fields[key.strip()] = value.strip()
    if 'CPU implementer' in fields:
        vendor = _ARM_IMPLEMENTERS.get(int(fields['CPU implementer'], 0), '')
        return CpuIdentity(vendor, None, int(fields.get('CPU part', '0'), 0), None, fields.get('model name', ''))
    number = {key: int(fields[key]) for key in ('cpu family', 'model', 'stepping') if fields.get(key, '').isdigit()}
    return CpuIdentity(
        fields.get('vendor_id', ''),
        number.get('cpu family'),
        number.get('model'),
        number.get('stepping'),
        fields.get('model name', ''),
        'hypervisor' in fields['flags'].split() if 'flags' in fields else None,
    )


def _mac_identity() -> CpuIdentity:
    import ctypes

    library = ctypes.CDLL(None)

    def value(name: str) -> bytes:
        size = ctypes.c_size_t(256)
        buffer = ctypes.create_string_buffer(256)
        failed = library.sysctlbyname(name.encode(), buffer, ctypes.byref(size), None, ctypes.c_size_t(0))
        return b'' if failed else buffer.raw[: size.value]

    def number(name: str) -> int | None:
        raw = value(name)
        return int.from_bytes(raw, 'little') if raw else None

    brand = value('machdep.cpu.brand_string').rstrip(b'\0').decode()
    if brand.startswith('Apple'):
        return CpuIdentity('Apple', None, None, None, brand, bool(number('kern.hv_vmm_present')))
    return CpuIdentity(
        value('machdep.cpu.vendor').rstrip(b'\0').decode(),
        number('machdep.cpu.family'),
        number('machdep.cpu.model'),
        number('machdep.cpu.stepping'),
        brand,
        bool(number('kern.hv_vmm_present')),
    )


def _windows_identity() -> CpuIdentity:
    # PROCESSOR_IDENTIFIER reads 'Intel64 Family 6 Model 158 Stepping 10, GenuineIntel'
    words = os.environ.get('PROCESSOR_IDENTIFIER', '').replace(',', ' ').split()
    number = {word: int(words[at + 1]) for at, word in enumerate(words[:-1]) if words[at + 1].isdigit()}
    name = ''
    if sys.platform == 'win32':
        import winreg

        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r'HARDWARE\DESCRIPTION\System\CentralProcessor\0') as key:
            name = str(winreg.QueryValueEx(key, 'ProcessorNameString')[0]).strip()
    vendor = words[-1] if words else ''
    return CpuIdentity(vendor, number.get('Family'), number.get('Model'), number.get('Stepping'), name)


def cpu_features(cpuinfo: str = '/proc/cpuinfo') -> str:
    """The processor's instruction sets as one string: machine code made for others may not run here."""
    for line in read_start(cpuinfo, 16384).split('\n\n', 1)[0].splitlines():
        name, _, value = line.partition(':')
        if name.strip() in ('flags', 'Features'):
            return value.strip()
    import platform

    return f'{platform.machine()} {platform.processor()}'
