import pytest

from sklearn_melanoma.datasets._diagnoses import find_diagnosis
from sklearn_melanoma.datasets._vocabulary import TARGETS, Meaning, combine_meanings, normalize, read_diagnosis

MELANOMA = """
superficial spreading melanoma | nodular melanoma | Melanoma Invasive | Melanoma, NOS | Melanoma metastasis
Melanoma in-situ | lentigo maligna (melanoma) | acral lentiginous melanoma | metastatic melanoma | MM | mel. | Melanom
mélanome | Mélanome malin | malignes Melanom | MELANOMA IN SITU | Melanoma_in_situ | melanoma  in  situ | "melanoma"
melanoma (in situ) | melanoma (less than 0.76 mm) | melanoma (0.76 to 1.5 mm) | melanoma (more than 1.5 mm)
SSM | LMM | ALM | LM | lentigo maligna | Lentigo Maligna Melanoma | Melanoma, superficial spreading | Melanoma (MEL)
amelanotic melanoma | desmoplastic melanoma | melanoma pT1a | melanoma stage IIIB | Invasive melanoma, 1.2mm
melanoma pT2a N0 M0 | Clark's level IV melanoma | Breslow 1.2 mm melanoma
non-invasive melanoma | melanoma without ulceration | melanoma arising in a congenital nevus | C43.5 | D03.9
melanoma associated with a nevus | recurrent/persistent melanoma, in situ | invasive melanoma | Mel in situ
Malignant melanocytic proliferations (Melanoma) | Melanoma Invasive, Blue nevus-like | Melanoma Invasive, Nodular
Melanoma Invasive, On chronically sun-exposed skin or lentigo maligna melanoma
Melanoma in situ, Lentigo maligna type
Melanoma Invasive, Pigmented spindle cell nevus like | Melanoma Invasive, originating from blue nevus
Malignant::Malignant melanocytic proliferations (Melanoma)::Melanoma in situ | melanoma of the left arm
Malignant:Malignant melanocytic proliferations (Melanoma):Melanoma metastasis | меланома | melanoma: yes
"""
DOUBTFUL = """
melanoma? | ? melanoma | suspected melanoma | r/o melanoma | history of melanoma | no history of melanoma
family history of melanoma | benign melanoma | juvenile melanoma | malignant | Malignant. | malignant tumor | cancer
skin cancer | melanoma vs nevus | melanoma or nevus | melanoma/nevus | melanoma and nevus | melanoma / BCC | nevus?
malignant blue nevus | melanoma not excluded | melanoma cannot be excluded | possible melanoma | melanoma- | -melanoma
!melanoma | melanoma 0 | melanoma 1 | melanoma = 0 | melanoma scar | melanoma-like nevus | NMM | not a nevus
no invasive melanoma | s/p melanoma | metastasis | probable nevus | MM nevus
Malignant:Collision - At least one malignant proliferation
Melanoma Skin Cancer Nevi and Moles | melanocytic lesion | melanoma probability 0.1
melanoma (-) | melanoma(-) | melanoma [+] | (-) melanoma | nevus (-)
bösartig | bösartiger Nävus | Nävus, bösartig | Verdacht auf Nävus | nicht gutartig | Nävus malin
maligna | lésion maligne | kwaadaardige naevus | злокачественный | złośliwy | 恶性
nevo sospechoso | mögliches Melanom | Nävus, fraglich
"""
NOT_MELANOMA = """
no melanoma | non-melanoma | non melanoma | nonmelanoma | non melanoma skin cancer | non-melanoma skin cancer
not melanoma | not a melanoma | Nevus, no melanoma | kein Melanom | melanoma: no | melanoma excluded
negative for melanoma | no evidence of melanoma | No Malignant Melanoma | NotMelanoma | nomelanoma
"""
BENIGN = """
melanocytic nevus | nevus | Naevus | Nävus | naevi
clark nevus | reed or spitz nevus | NV | NEV | BKL | DF | SEK
benign | nevus 5 mm | common nevus | atypical nevus | dysplastic naevus | nevus, no atypia | D22.5 | non-malignant
solar lentigo
lentigo NOS | Nevus, Atypical, Dysplastic, or Clark
Benign::Benign melanocytic proliferations::Nevus::Nevus, NOS, Dermal
Nävuszellnävus | Leberfleck | Hämangiom | Dermatofibrom
gutartig | Gutartige | gutartiger Nävus | bénin | lésion bénigne | benigna | goedaardig | łagodny
доброкачественный | 良性
hemangioma | dermatofibroma | Benign melanocytic proliferations | blue nevus | Blue nevus, Cellular
"""
CANCER = """
BCC | SCC | basal cell carcinoma | Basal cell carcinoma, Nodular | squamous cell carcinoma in situ | NMSC | MAL_OTH
bösartiges Karzinom | Basalzellkarzinom | Plattenepithelkarzinom
Merkel cell carcinoma | Kaposi sarcoma | Malignant:Malignant epidermal proliferations:Squamous cell carcinoma, NOS
Malignant adnexal epithelial proliferations - Follicular | SCCKA | C44.3
"""
OTHER = """
melanocytoma | Pigmented epithelioid melanocytoma | seborrheic keratosis | AKIEC | ACK | AK | VASC | miscellaneous
other | vascular lesion | melanosis
melanoacanthoma | benign keratosis-like lesions | lichenoid keratosis | Bowen's disease
Indeterminate:Indeterminate epidermal proliferations:Solar or actinic keratosis | angiofibroma or fibrous papule
Flat melanotic pigmentations - not melanocytic nevus | cafe-au-lait macule | mucosal melanosis | normal skin
"""
UNKNOWN = """
? | - | pending | none | indeterminate | unknown | n/a | nan | not available | to be determined | #N/A | <NA> | -- | …
UNK | AIMP | atypical spitz tumor | atypical melanocytic proliferation | NA | null | N.A. | pending histology | -1
???
Atypical melanocytic neoplasm | Indeterminate:Indeterminate melanocytic proliferations | k. A. | TBD | uncertain
Melanocytic tumor of uncertain malignant potential | awaiting biopsy | unknown diagnosis | Unknown.
"""
FOREIGN = "foo | melanona | yes | positive | 3 | + | patient1 | 2021-03-04 | nodular | in situ | train | 0.83"


def split(table):
    return [phrase.strip() for phrase in table.replace("\n", "|").split("|") if phrase.strip()]


CASES = [
    (phrase, meaning)
    for table, meaning in (
        (MELANOMA, Meaning.MELANOMA),
        (DOUBTFUL, Meaning.DOUBTFUL),
        (NOT_MELANOMA, Meaning.NOT_MELANOMA),
        (BENIGN, Meaning.BENIGN),
        (CANCER, Meaning.CANCER),
        (OTHER, Meaning.OTHER),
        (UNKNOWN, Meaning.UNKNOWN),
        (FOREIGN, Meaning.FOREIGN),
    )
    for phrase in split(table)
]


@pytest.mark.parametrize(("phrase", "meaning"), CASES)
def test_meaning_of_phrase(phrase, meaning):
    assert read_diagnosis(phrase) is meaning


@pytest.mark.parametrize(("phrase", "meaning"), CASES)
def test_case_spaces_and_punctuation_do_not_matter(phrase, meaning):
    spaced = "  " + phrase.upper().replace(" ", "\u00a0") + "  "
    assert read_diagnosis(spaced) is meaning
    if not set(phrase) & set('?-–!=:/+…()#<>."'):
        assert read_diagnosis(phrase.replace(" ", "_")) is meaning
        assert read_diagnosis(phrase.replace(" ", "-").title()) is meaning


def test_no_phrase_about_melanoma_is_benign_when_a_word_is_added():
    for phrase, meaning in CASES:
        if meaning is Meaning.MELANOMA:
            for word in ("xyz", "no", "query", "nevus", "?"):
                for changed in (f"{phrase} {word}", f"{word} {phrase}"):
                    found = read_diagnosis(changed)
                    assert found not in (Meaning.BENIGN, Meaning.OTHER, Meaning.CANCER), (changed, found)


@pytest.mark.parametrize(
    ("meanings", "together"),
    [
        ("MELANOMA DOUBTFUL", "MELANOMA"),
        ("MELANOMA UNKNOWN", "MELANOMA"),
        ("MELANOMA BENIGN", "DOUBTFUL"),
        ("MELANOMA NOT_MELANOMA", "DOUBTFUL"),
        ("BENIGN DOUBTFUL", "DOUBTFUL"),
        ("BENIGN CANCER", "DOUBTFUL"),
        ("CANCER DOUBTFUL", "CANCER"),
        ("UNKNOWN BENIGN", "BENIGN"),
        ("UNKNOWN DOUBTFUL", "DOUBTFUL"),
        ("FOREIGN UNKNOWN", "FOREIGN"),
        ("FOREIGN BENIGN", "BENIGN"),
        ("UNKNOWN UNKNOWN", "UNKNOWN"),
    ],
)
def test_meaning_of_several_columns(meanings, together):
    assert combine_meanings([Meaning[name] for name in meanings.split()]) is Meaning[together]


def test_normalize():
    assert normalize("  Mélanome_malin\u200b (in-situ) ") == "melanome malin in situ"
    assert [normalize(text) for text in ("1.0", "1", "+1", "-1.0", "0", "01", "1.5")] == [
        "1",
        "1",
        "1",
        "-1",
        "0",
        "01",
        "1 5",
    ]


def test_targets():
    assert {meaning.name: target for meaning, target in TARGETS.items() if target} == {"MELANOMA": 1, "UNKNOWN": -1}


@pytest.mark.parametrize(
    ("label", "diagnosis"),
    [
        ("Naevus flammeus", "vascular lesion"),
        ("epidermal nevus", "other"),
        ("Nevus sebaceus", "other"),
        ("blue naevus", "nevus"),
    ],
)
def test_not_all_nevi_are_melanocytic(label, diagnosis):
    assert find_diagnosis(label) == diagnosis
