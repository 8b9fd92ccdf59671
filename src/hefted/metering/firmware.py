"""What the firmware says of the machine: its case, its maker, its battery."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

_AZURE = '7783-7084-3265-9085-8269-3286-77'  # the asset tag of all its machines; Hyper-V elsewhere has another


class Firmware(NamedTuple):
    """What is known without asking anybody outside; empty where nothing is said.

    Attributes:
        chassis: The case's type, by the System Management BIOS (SMBIOS 3.x, 7.4.1); 0 when unknown.
        vendor: Who made the machine, such as 'Amazon EC2' or 'LENOVO'.
        product: What they call it, such as 'Google Compute Engine'.
        asset_tag: The case's asset tag.
        battery: Whether a battery feeds it; a mouse's own is none.
    """

    chassis: int = 0
    vendor: str = ''
    product: str = ''
    asset_tag: str = ''
    battery: bool = False

    @property
    def provider(self) -> str | None:
        """The cloud that it names: 'aws', 'azure', 'gcp' or None.

        Example:
            >>> Firmware(vendor='Amazon EC2', product='p5.48xlarge').provider
            'aws'
        """
        if self.vendor.startswith('Amazon EC2'):
            return 'aws'
        if self.vendor == 'Google' and 'Compute Engine' in self.product:  # it makes laptops too
            return 'gcp'
        return 'azure' if self.asset_tag == _AZURE and self.vendor.startswith('Microsoft') else None


def read(root: str = '/') -> Firmware:
    """Read what this machine's firmware says.

    Args:
        root: Where Linux's `sys` is (a constructed tree in tests).
    """
    if sys.platform == 'linux':
        return _linux(root.rstrip('/'))
    import psutil  # late, and not on Linux; the meter has imported it there by now

    battery = psutil.sensors_battery() is not None
    return _windows(battery) if sys.platform == 'win32' else Firmware(battery=battery)


def _linux(root: str) -> Firmware:
    folder = f'{root}/sys/class/dmi/id'
    chassis = _line(f'{folder}/chassis_type')
    return Firmware(
        int(chassis) if chassis.isdigit() else 0,
        _line(f'{folder}/sys_vendor') or _line(f'{folder}/board_vendor'),
        _line(f'{folder}/product_name'),
        _line(f'{folder}/chassis_asset_tag'),
        _has_battery(f'{root}/sys/class/power_supply'),
    )


def _has_battery(folder: str) -> bool:
    try:
        supplies = os.listdir(folder)  # noqa: PTH208
    except OSError:  # a container may hide it
        return False
    return any(
        _line(f'{folder}/{supply}/type') == 'Battery' and _line(f'{folder}/{supply}/scope') != 'Device'
        for supply in supplies
    )


def _windows(battery: bool) -> Firmware:
    if sys.platform != 'win32':
        return Firmware(battery=battery)
    import winreg

    def value(name: str) -> str:
        try:
            return str(winreg.QueryValueEx(key, name)[0]).strip()
        except OSError:
            return ''

    chassis = 17 if sys.getwindowsversion().product_type == 3 else 0  # 3: a Windows Server
    try:
        with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, r'HARDWARE\DESCRIPTION\System\BIOS') as key:
            return Firmware(chassis, value('SystemManufacturer'), value('SystemProductName'), '', battery)
    except OSError:
        return Firmware(chassis, battery=battery)


def _line(path: str) -> str:
    """A file's first line; '' where it cannot be read, as some can be by root alone."""
    try:
        with open(path, encoding='utf-8', errors='replace') as file:  # noqa: PTH123
            return file.readline(256).strip()
    except OSError:
        return ''
