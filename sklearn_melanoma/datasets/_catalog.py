"""Public data sets: contents, addresses, terms and files that can be downloaded."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import NamedTuple

IMAGES, MASKS, TABLES = "images", "masks", "tables"
TRAINING, VALIDATION, TEST = "training", "validation", "test"

_CHALLENGE = "https://isic-challenge-data.s3.amazonaws.com"
_DATAVERSE = "https://dataverse.harvard.edu/api/access/datafile"
_BY_NC = "CC BY-NC 4.0"
_OTHER_NAMES = {
    "ISBI2016_ISIC_Part1_Training_Data.zip": ("ISBI2016_ISIC_Part3_Training_Data",),
    "ISBI2016_ISIC_Part1_Test_Data.zip": ("ISBI2016_ISIC_Part3_Test_Data",),
    "ISIC_2020_Training_JPEG.zip": ("ISIC_2020_Training_Input", "train"),
    "ISIC_2020_Test_JPEG.zip": ("ISIC_2020_Test_Input", "test"),
    "ISIC_2020_Training_GroundTruth_v2.csv": ("ISIC_2020_Training_GroundTruth.csv",),
}


class RemoteFile(NamedTuple):
    """File of a data set that can be downloaded."""

    url: str
    part: str  # IMAGES, MASKS or TABLES
    split: str | None  # None if the data set has no official split
    md5: str | None = None  # None if no source states it
    size: int | None = None  # in bytes; None if no source states it
    saved_as: str = ""  # name of the file if the address does not end with it
    other_names: tuple[str, ...] = ()  # other names of the same content in a folder

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.saved_as or PurePosixPath(self.url).name

    @property
    def is_archive(self) -> bool:
        """Whether the file is unpacked to a folder of its name."""
        return self.name.endswith(".zip")

    @property
    def target(self) -> str:
        """Name of the file, or of the folder that an archive becomes."""
        return self.name.removesuffix(".zip")


class DataSet(NamedTuple):
    """A public data set."""

    name: str  # name on the command line
    folder: str  # name of its default folder
    title: str
    content: str
    source: str  # page that describes it
    citation: str
    terms: str
    files: tuple[RemoteFile, ...] = ()
    by_hand: str = ""  # how to get it if a program can't download it
    required: tuple[str, ...] = (IMAGES,)  # parts without which its loader raises an error

    @property
    def fetch_call(self) -> str:
        """Call of the function that downloads the data set, such as ``fetch_isic_2018(task=1)``."""
        base, _, task = self.name.partition("_task")
        return f"fetch_{base.replace('isic', 'isic_')}({f'task={task}' * bool(task)})"

    @property
    def needs_consent(self) -> bool:
        """Whether the terms restrict the use of the data set."""
        return self.terms != "CC0"

    @property
    def description(self) -> str:
        """Content, source, citation and terms as text."""
        return f"{self.title}: {self.content}\n\nSource: {self.source}\nCitation: {self.citation}\nTerms: {self.terms}."


def _list_files(year: int, *files: tuple[str, str, str, str | None, int | None]) -> tuple[RemoteFile, ...]:
    return tuple(
        RemoteFile(f"{_CHALLENGE}/{year}/{name}", part, split, md5, size, other_names=_OTHER_NAMES.get(name, ()))
        for name, part, split, md5, size in files
    )


PH2 = DataSet(
    "ph2",
    "ph2",
    "PH²",
    """\
dermoscopic images of melanocytic lesions from Pedro Hispano Hospital, Matosinhos, Portugal, about 768 × 576 pixels
at 20-fold magnification, with the border drawn by an expert. 200 images in full: 80 common nevi, 80 atypical nevi, 40
melanomas.""",
    "https://www.fc.up.pt/addi/ph2%20database.html",
    """\
T. Mendonça, P. M. Ferreira, J. S. Marques, A. R. S. Marcal, J. Rozeira: PH² – A dermoscopic image database for
research and benchmarking. EMBC 2013. https://doi.org/10.1109/EMBC.2013.6610779""",
    "research and education only, no redistribution",
    by_hand="Its owners give it out on that page. Unpack it, and pass the folder that holds 'PH2_dataset.txt'.",
)

ISIC_2016 = DataSet(
    "isic2016",
    "isic2016",
    "ISIC 2016",
    """\
dermoscopic images of the ISIC challenge at ISBI 2016, with borders and the diagnoses benign and melanoma. In full
900 images for training, 379 for test.""",
    "https://challenge.isic-archive.com/data/#2016",
    """\
D. Gutman et al.: Skin lesion analysis toward melanoma detection: a challenge at the International Symposium on
Biomedical Imaging (ISBI) 2016. https://arxiv.org/abs/1605.01397""",
    "CC0",
    _list_files(
        2016,
        ("ISBI2016_ISIC_Part1_Training_Data.zip", IMAGES, TRAINING, "2029f387e62dcc062b1370b1efc1f7fb", None),
        ("ISBI2016_ISIC_Part1_Training_GroundTruth.zip", MASKS, TRAINING, "fbd77134298f3511479a37bac93109c7", None),
        ("ISBI2016_ISIC_Part3_Training_GroundTruth.csv", TABLES, TRAINING, None, None),
        ("ISBI2016_ISIC_Part1_Test_Data.zip", IMAGES, TEST, "efebcaeaae751007401a40a60d391f93", None),
        ("ISBI2016_ISIC_Part1_Test_GroundTruth.zip", MASKS, TEST, "492a7711a2e19b96114cab6c96bd1ad5", None),
        ("ISBI2016_ISIC_Part3_Test_GroundTruth.csv", TABLES, TEST, None, None),
    ),
)

ISIC_2017 = DataSet(
    "isic2017",
    "isic2017",
    "ISIC 2017",
    """\
dermoscopic images of the ISIC challenge at ISBI 2017, with borders and the diagnoses melanoma, seborrheic
keratosis and nevus. In full 2 000 images for training, 150 for validation, 600 for test.""",
    "https://challenge.isic-archive.com/data/#2017",
    """\
N. C. F. Codella et al.: Skin lesion analysis toward melanoma detection: a challenge at the 2017 International
Symposium on Biomedical Imaging (ISBI). ISBI 2018. https://doi.org/10.1109/ISBI.2018.8363547""",
    "CC0",
    _list_files(
        2017,
        ("ISIC-2017_Training_Data.zip", IMAGES, TRAINING, "a14a7e622c67a358797ae59abb8a0b0c", None),
        ("ISIC-2017_Training_Part1_GroundTruth.zip", MASKS, TRAINING, "77fdbeb6fbec4139937224416b250f4c", None),
        ("ISIC-2017_Training_Part3_GroundTruth.csv", TABLES, TRAINING, "0cb4add57c65c22ca1a1cb469ad1f0c5", None),
        ("ISIC-2017_Validation_Data.zip", IMAGES, VALIDATION, "8d6419d942112f709894c0d82f6c9038", None),
        ("ISIC-2017_Validation_Part1_GroundTruth.zip", MASKS, VALIDATION, "64d3e68fa2deeb8a5e89aa8dec2efd44", None),
        ("ISIC-2017_Validation_Part3_GroundTruth.csv", TABLES, VALIDATION, "8d4826a76adcd8fb928ca52a23ebae4c", None),
        ("ISIC-2017_Test_v2_Data.zip", IMAGES, TEST, "5f6a0b5e1f2972bd1f5ea02680489f09", None),
        ("ISIC-2017_Test_v2_Part1_GroundTruth.zip", MASKS, TEST, "b1742de6bd257faca3b2b21a4aa3b781", None),
        ("ISIC-2017_Test_v2_Part3_GroundTruth.csv", TABLES, TEST, "9e957b72a0c4f9e0d924889fd03b36ed", None),
    ),
)

_CITATION_2018 = """\
N. Codella et al.: Skin lesion analysis toward melanoma detection 2018: a challenge hosted by the
International Skin Imaging Collaboration (ISIC). https://arxiv.org/abs/1902.03368"""
_TERMS_2018 = f"stated as CC0 or as {_BY_NC}; the file LICENSE.txt in the archives decides"

ISIC_2018_TASK_1 = DataSet(
    "isic2018_task1",
    "isic2018",
    "ISIC 2018, task 1",
    """\
dermoscopic images of the ISIC challenge of 2018 with borders, without diagnoses. In full 2 594 images for training,
100 for validation, 1 000 for test.""",
    "https://challenge.isic-archive.com/data/#2018",
    _CITATION_2018,
    _TERMS_2018,
    _list_files(
        2018,
        ("ISIC2018_Task1-2_Training_Input.zip", IMAGES, TRAINING, None, 11_165_358_566),
        ("ISIC2018_Task1_Training_GroundTruth.zip", MASKS, TRAINING, None, 27_402_895),
        ("ISIC2018_Task1-2_Validation_Input.zip", IMAGES, VALIDATION, None, 239_231_159),
        ("ISIC2018_Task1_Validation_GroundTruth.zip", MASKS, VALIDATION, None, 759_706),
        ("ISIC2018_Task1-2_Test_Input.zip", IMAGES, TEST, None, 2_370_457_338),
        ("ISIC2018_Task1_Test_GroundTruth.zip", MASKS, TEST, None, 9_680_101),
    ),
)

ISIC_2018_TASK_3 = DataSet(
    "isic2018_task3",
    "isic2018",
    "ISIC 2018, task 3",
    """\
dermoscopic images of the ISIC challenge of 2018 in seven classes: MEL (melanoma), NV (nevus), BCC (basal cell
carcinoma), AKIEC (actinic keratosis, Bowen's disease), BKL (benign keratosis), DF (dermatofibroma), VASC (vascular
lesion). In full 10 015 images for training, which are those of HAM10000, 193 for validation, 1 512 for test.""",
    "https://challenge.isic-archive.com/data/#2018",
    f"""\
{_CITATION_2018}
Images: P. Tschandl, C. Rosendahl, H. Kittler: The HAM10000 dataset. Sci Data 5, 180161 (2018).
https://doi.org/10.1038/sdata.2018.161""",
    _TERMS_2018,
    _list_files(
        2018,
        ("ISIC2018_Task3_Training_Input.zip", IMAGES, TRAINING, None, None),
        ("ISIC2018_Task3_Training_GroundTruth.zip", TABLES, TRAINING, None, None),
        ("ISIC2018_Task3_Training_LesionGroupings.csv", TABLES, TRAINING, None, None),
        ("ISIC2018_Task3_Validation_Input.zip", IMAGES, VALIDATION, None, None),
        ("ISIC2018_Task3_Validation_GroundTruth.zip", TABLES, VALIDATION, None, None),
        ("ISIC2018_Task3_Test_Input.zip", IMAGES, TEST, None, None),
        ("ISIC2018_Task3_Test_GroundTruth.zip", TABLES, TEST, None, None),
    ),
)

ISIC_2019 = DataSet(
    "isic2019",
    "isic2019",
    "ISIC 2019",
    """\
dermoscopic images of the ISIC challenge of 2019 in eight classes: MEL (melanoma), NV (nevus), BCC (basal cell
carcinoma), AK (actinic keratosis), BKL (benign keratosis), DF (dermatofibroma), VASC (vascular lesion), SCC (squamous
cell carcinoma); UNK (none of these) in the test images. In full 25 331 images for training, 8 238 for test. The
training images contain those of HAM10000 and of BCN20000.""",
    "https://challenge.isic-archive.com/data/#2019",
    """\
P. Tschandl, C. Rosendahl, H. Kittler: The HAM10000 dataset. Sci Data 5, 180161 (2018).
N. C. F. Codella et al.: Skin lesion analysis toward melanoma detection. ISBI 2018. https://arxiv.org/abs/1710.05006
M. Combalia et al.: BCN20000: dermoscopic lesions in the wild. https://arxiv.org/abs/1908.02288""",
    _BY_NC,
    _list_files(
        2019,
        ("ISIC_2019_Training_Input.zip", IMAGES, TRAINING, None, None),
        ("ISIC_2019_Training_GroundTruth.csv", TABLES, TRAINING, None, None),
        ("ISIC_2019_Training_Metadata.csv", TABLES, TRAINING, None, None),
        ("ISIC_2019_Test_Input.zip", IMAGES, TEST, None, None),
        ("ISIC_2019_Test_GroundTruth.csv", TABLES, TEST, None, None),
        ("ISIC_2019_Test_Metadata.csv", TABLES, TEST, None, None),
    ),
)

ISIC_2020 = DataSet(
    "isic2020",
    "isic2020",
    "ISIC 2020",
    """\
dermoscopic images of the ISIC challenge of 2020 (SIIM-ISIC) with patients. In full 33 126 images of 2 056 patients
for training, with 584 melanomas, and 10 982 images without diagnoses for test. 425 training images are listed as
duplicates of others.""",
    "https://challenge.isic-archive.com/data/#2020",
    """\
V. Rotemberg et al.: A patient-centric dataset of images and metadata for identifying melanomas using clinical
context. Sci Data 8, 34 (2021). https://doi.org/10.1038/s41597-021-00815-z""",
    f"{_BY_NC}, elsewhere stated as CC0; the license file in the archives decides",
    _list_files(
        2020,
        ("ISIC_2020_Training_JPEG.zip", IMAGES, TRAINING, None, None),
        ("ISIC_2020_Training_GroundTruth_v2.csv", TABLES, TRAINING, None, None),
        ("ISIC_2020_Training_Duplicates.csv", TABLES, TRAINING, None, None),
        ("ISIC_2020_Test_JPEG.zip", IMAGES, TEST, None, None),
        ("ISIC_2020_Test_Metadata.csv", TABLES, TEST, None, None),
    ),
)

HAM10000 = DataSet(
    "ham10000",
    "ham10000",
    "HAM10000",
    """\
"Human Against Machine with 10 000 training images": dermoscopic images of pigmented lesions from Vienna and
Queensland in seven classes: akiec (actinic keratosis, Bowen's disease), bcc (basal cell carcinoma), bkl (benign
keratosis), df (dermatofibroma), mel (melanoma), nv (nevus), vasc (vascular lesion). In full 10 015 images of 7 470
lesions, 600 × 450 pixels. Several images can show one lesion: split by groups.""",
    "https://doi.org/10.7910/DVN/DBW86T",
    """\
P. Tschandl, C. Rosendahl, H. Kittler: The HAM10000 dataset, a large collection of multi-source dermatoscopic
images of common pigmented skin lesions. Sci Data 5, 180161 (2018). https://doi.org/10.1038/sdata.2018.161
Masks: P. Tschandl et al.: Human-computer collaboration for skin cancer recognition. Nat Med 26, 1229-1234 (2020).
https://doi.org/10.1038/s41591-020-0942-0""",
    _BY_NC,
    (
        RemoteFile(
            f"{_DATAVERSE}/3172585",
            IMAGES,
            None,
            "4639bfa73ab251610530a97c898e6e46",
            saved_as="HAM10000_images_part_1.zip",
        ),
        RemoteFile(
            f"{_DATAVERSE}/3172584",
            IMAGES,
            None,
            "da43d6cc50f6613013be07e8986b384b",
            saved_as="HAM10000_images_part_2.zip",
        ),
        RemoteFile(
            f"{_DATAVERSE}/3838943",
            MASKS,
            None,
            "6e8d252e09cfdb0189199f15985a5b84",
            10_808_743,
            "HAM10000_segmentations_lesion_tschandl.zip",
        ),
        # Without the query, the server sends a converted table.
        RemoteFile(
            f"{_DATAVERSE}/4338392?format=original",
            TABLES,
            None,
            "8f85fb1aa29d80a2797247e434deb79d",
            saved_as="HAM10000_metadata.csv",
            other_names=("HAM10000_metadata", "HAM10000_metadata.tab"),
        ),
    ),
    required=(IMAGES, TABLES),
)

DERM7PT = DataSet(
    "derm7pt",
    "derm7pt",
    "derm7pt",
    """\
dermoscopic images with the seven-point checklist, from an atlas of dermoscopy. In full 1 011 cases, 252 melanomas:
413 cases for training, 203 for validation, 395 for test. Each case has a clinical image, too.""",
    "https://derm.cs.sfu.ca",
    """\
J. Kawahara, S. Daneshvar, G. Argenziano, G. Hamarneh: Seven-point checklist and skin lesion classification using
multitask multimodal neural nets. IEEE J Biomed Health Inform 23, 538-546 (2019).
https://doi.org/10.1109/JBHI.2018.2824327""",
    "research and education only, no redistribution",
    by_hand="Its owners give it out after a registration there. Unpack it, and pass the folder that holds 'meta'.",
)

PAD_UFES_20 = DataSet(
    "pad_ufes_20",
    "pad_ufes_20",
    "PAD-UFES-20",
    """\
clinical images of smartphones, not dermoscopic ones, in six classes: ACK (actinic keratosis), BCC (basal cell
carcinoma), MEL (melanoma), NEV (nevus), SCC (squamous cell carcinoma, Bowen's disease), SEK (seborrheic keratosis). In
full 2 298 images of 1 641 lesions of 1 373 patients, 52 melanomas.""",
    "https://doi.org/10.17632/zr7vgbcyr2.1",
    """\
A. G. C. Pacheco et al.: PAD-UFES-20: a skin lesion dataset composed of patient data and clinical images collected
from smartphones. Data Brief 32, 106221 (2020). https://doi.org/10.1016/j.dib.2020.106221""",
    "CC BY 4.0",
    by_hand="Download all there, unpack it and the archives in it, and pass the folder that holds 'metadata.csv'.",
)

ISIC_ARCHIVE = DataSet(
    "isic_archive",
    "isic_archive",
    "ISIC Archive",
    "images of the ISIC Archive as the program isic-cli downloads them.",
    "https://www.isic-archive.com",
    "The file 'attribution.txt' beside the images names whom to cite.",
    "each image has its own license, in the column copyright_license",
    by_hand="Run 'isic image download FOLDER' of the package isic-cli, and pass that folder.",
)

#: All data sets by name.
DATASETS = {
    dataset.name: dataset
    for dataset in (
        *(ISIC_2016, ISIC_2017, ISIC_2018_TASK_1, ISIC_2018_TASK_3, ISIC_2019, ISIC_2020, HAM10000),
        *(PH2, DERM7PT, PAD_UFES_20, ISIC_ARCHIVE),
    )
}
