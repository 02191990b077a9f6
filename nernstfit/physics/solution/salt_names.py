"""Names of salts and acids that do not follow from the names of their ions, and how salts and acids fall apart."""

from collections.abc import Mapping
from types import MappingProxyType

SALT_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "ammonium hydroxide": "NH4OH",
        "borax": "Na2B4O7",
        "khp": "K-H-phthalate",
        "cream of tartar": "K-H-tartrate",
        "rochelle": "KNa-tartrate",
        **dict.fromkeys(("mohr", "mohr's"), "(NH4)2Fe(SO4)2"),
        **dict.fromkeys(("alum", "potash alum", "potassium alum"), "KAl(SO4)2"),
        "ammonium alum": "NH4Al(SO4)2",
        **dict.fromkeys(("hydrazine sulfate", "hydrazinium sulfate"), "hydrazinium HSO4"),
        **dict.fromkeys(("tris maleate", "trizma maleate"), "Tris-H-maleate"),
        **{
            f"{count}{metal} phosphate": salt.format(symbol)
            for metal, symbol in {"calcium": "Ca", "magnesium": "Mg", "strontium": "Sr", "barium": "Ba"}.items()
            for count, salt in {"mono": "{0}(H2PO4)2", "di": "{0}HPO4", "tri": "{0}3(PO4)2"}.items()
        },
    }
)
"""Salts by names, here in lower case and without the word `salt`, that do not say their ions, or that suppliers give to
another salt than the words say: hydrazine sulfate and Tris maleate have one acid a base."""

OPEN_LABELS: Mapping[str, str] = MappingProxyType(
    {
        "sodium borate": "'Na2B4O7' (borax) or 'NaB(OH)4'",
        "potassium borate": "'K2B4O7' or 'KB(OH)4'",
        "ammonium molybdate": "'(NH4)2MoO4'; the usual salt, (NH4)6Mo7O24, has an anion that is not known",
        "ammonium tungstate": "'(NH4)2WO4'; the usual salt has an anion that is not known",
    }
)
"""Names under which suppliers sell salts of several compositions, with how to write what is known."""

FALLS_APART: Mapping[str, Mapping[str, int]] = MappingProxyType(
    {
        **{name: {"HS": 1, "OH": 1} for name in ("S", "sulfide")},
        **{name: {"borate": 4, "H": 2} for name in ("B4O7", "tetraborate")},
        **{name: {"HSO3": 2} for name in ("S2O5", "metabisulfite", "pyrosulfite", "disulfite")},
    }
)
"""Divalent anions of salts that water turns into others, with what becomes of them; water is not counted."""

STRONG_ACID_ANIONS = frozenset(
    {
        *("Cl", "Br", "I", "NO3", "ClO4", "SO4", "ClO3", "BrO3", "IO3", "IO4", "BF4", "PF6", "MnO4", "ReO4", "SCN"),
        *("trifluoroacetate", "benzenesulfonate", "toluenesulfonate", "naphthalenesulfonate", "S2O8"),
        *("methanesulfonate", "ethylsulfonate", "propylsulfonate", "isethionate", "methylsulfate", "ethylsulfate"),
    }
)
"""Anions whose acids dissociate fully; H with any other anion is a weak acid."""

NAMED_ACIDS: Mapping[str, str] = MappingProxyType(
    {
        "ethanesulfonic acid": "ethylsulfonate",
        "hydrazoic acid": "N3",
        "hydrobromic acid": "Br",
        "hydrochloric acid": "Cl",
        "hydrocyanic acid": "CN",
        "hydrofluoric acid": "F",
        "hydroiodic acid": "I",
        "nitric acid": "NO3",
        "nitrous acid": "NO2",
        "perchloric acid": "ClO4",
        "hydriodic acid": "I",
        **{
            f"hydrogen {halide}": symbol
            for halide, symbol in {"fluoride": "F", "chloride": "Cl", "bromide": "Br"}.items()
        },
        "hydrogen iodide": "I",
        "hydrogen cyanide": "CN",
        "hydrogen sulfide": "HS",
        "H2S": "HS",
        "H3BO3": "borate",
        "B(OH)3": "borate",
        "HCOOH": "formate",
        "CH3COOH": "acetate",
        "HAc": "acetate",
        "HOAc": "acetate",
        "AcOH": "acetate",
        "CH3SO3H": "methanesulfonate",
        "fluoroboric acid": "BF4",
        "pyrophosphoric acid": "P2O7",
        "phosphoric acid": "H2PO4",
        "H3PO4": "H2PO4",
        "sulfuric acid": "SO4",
        "tartaric acid": "tartrate",
        "sulfurous acid": "SO3",
        **{"salzsäure": "Cl", "schwefelsäure": "SO4", "salpetersäure": "NO3", "phosphorsäure": "H2PO4"},
        **{"borsäure": "borate", "essigsäure": "acetate", "ameisensäure": "formate", "milchsäure": "lactate"},
        **{"zitronensäure": "citrate", "citronensäure": "citrate", "weinsäure": "tartrate"},
        **{"bernsteinsäure": "succinate", "äpfelsäure": "malate", "oxalsäure": "oxalate", "fumarsäure": "fumarate"},
        **{"maleinsäure": "maleate", "glutaminsäure": "glutamate", "asparaginsäure": "aspartate"},
        **{"gluconsäure": "gluconate", "buttersäure": "butyrate", "propionsäure": "propionate"},
    }
)
"""Acids whose names do not follow from those of their anions (as `gluconic acid` does), with the anion."""
