"""Writes malaysia.json, which `onrecord record demand` offers, from the library "holidays" (MIT; its LICENSE
stands beside this file).

    python3 -m venv venv && venv/bin/pip install holidays && venv/bin/python data/holidays/malaysia.py

Run it when a new year's holidays are gazetted and the library has them; the tests do not run it. A year in which the library
calls a date estimated is left out, and so are all after it.
"""
import datetime, json, pathlib

import holidays

FIRST = 2023
NAMES = {
    "01": "Johor", "02": "Kedah", "03": "Kelantan", "04": "Melaka", "05": "Negeri Sembilan", "06": "Pahang",
    "07": "Pulau Pinang", "08": "Perak", "09": "Perlis", "10": "Selangor", "11": "Terengganu", "12": "Sabah",
    "13": "Sarawak", "14": "Kuala Lumpur", "15": "Labuan", "16": "Putrajaya",
}
# The weekly holiday, from the year that is named on. Johor's was Friday until the end of 2024.
WEEKLY = {
    "01": {FIRST: "friday", 2025: "sunday"},
    "02": {FIRST: "friday"}, "03": {FIRST: "friday"}, "11": {FIRST: "friday"},
}


def listed(subdivision, year):
    """The holidays of a state, or of kept in every state, in one year."""
    found = holidays.Malaysia(subdiv=subdivision, years=year, language="en_US")
    return {day: found[day] for day in sorted(found) if day.year == year}


def certain(year):
    return not any("estimated" in name for code in [None, *NAMES] for name in listed(code, year).values())


years = []
while certain(year := FIRST + len(years)):
    years.append(year)

places = [("MY", "kept in every state", None)]
places += [(f"MY-{code}", name, code) for code, name in NAMES.items()]
out = {
    "source": f"the library holidays {holidays.__version__} (vacanza/holidays, MIT)",
    "retrieved": datetime.date.today().isoformat(),
    "note": "The Gazette binds, and may name more days or other ones later. Days in lieu of those that fall on a weekly "
    "holiday are not all listed: see whether one is due, and add it. Codes are those of ISO 3166-2.",
    "first_year": years[0],
    "last_year": years[-1],
    "places": [
        {
            "code": code,
            "name": name,
            "weekly": [
                {"from": year, "day": day} for year, day in WEEKLY.get(subdivision, {FIRST: "sunday"}).items()
            ],
            "days": {str(day): name for year in years for day, name in listed(subdivision, year).items()},
        }
        for code, name, subdivision in places
    ],
}
path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n")
