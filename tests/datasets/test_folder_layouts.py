import os

import numpy as np
import pytest
from PIL import Image

from sklearn_melanoma.datasets import load_folder

pytestmark = pytest.mark.filterwarnings("ignore:no image of .* is labeled")


def put(path, mode="RGB"):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (8, 6)).save(path)


def get_paths(paths, root):
    return [None if path is None else os.path.relpath(path, root).replace(os.sep, "/") for path in paths]


JUNK = [".ipynb_checkpoints", "@eaDir", ".Trash-1000", ".thumbnails", "__MACOSX", "$RECYCLE.BIN", "#recycle", ".hidden"]
JUNK += ["Thumbs", "thumbnails", "RECYCLER", "Network Trash Folder"]


@pytest.mark.parametrize("junk", JUNK)
def test_ignores_junk(tmp_path, junk):
    put(tmp_path / "x" / "a.png")
    put(tmp_path / "x" / junk / "a.png")
    put(tmp_path / junk / "deep" / "b.png")
    put(tmp_path / "x" / ".b.png")
    put(tmp_path / "x" / "._a.png")
    put(tmp_path / "masks" / junk / "a.png")
    put(tmp_path / "masks" / "a.png")
    lesions = load_folder(tmp_path)
    assert get_paths(lesions.images, tmp_path) == ["x/a.png"]
    assert get_paths(lesions.masks, tmp_path) == ["masks/a.png"]


def test_hidden_folder_itself_can_be_loaded(tmp_path):
    put(tmp_path / ".cache" / "__MACOSX" / "a.png")
    assert len(load_folder(tmp_path / ".cache" / "__MACOSX").images) == 1


def link(target, place):
    place.parent.mkdir(parents=True, exist_ok=True)
    try:
        place.symlink_to(target, target_is_directory=True)
    except OSError:
        pytest.skip("needs links")


def test_follows_linked_folders_once(tmp_path):
    put(tmp_path / "far" / "a.png")
    put(tmp_path / "root" / "real" / "b.png")
    link(tmp_path / "far", tmp_path / "root" / "linked")
    link(tmp_path / "far", tmp_path / "root" / "linked_again")
    link(tmp_path / "root" / "real", tmp_path / "root" / "a_link_to_real")
    link(tmp_path / "root", tmp_path / "root" / "real" / "loop")
    link(tmp_path / "root" / "nowhere", tmp_path / "root" / "broken")
    assert get_paths(load_folder(tmp_path / "root").images, tmp_path / "root") == ["linked/a.png", "real/b.png"]
    link(tmp_path / "root", tmp_path / "other")
    assert len(load_folder(tmp_path / "other").images) == 2


@pytest.mark.parametrize("split", ["train", "val"])
def test_images_and_masks_in_each_split(tmp_path, split):
    for part in ("train", "val"):
        for name in ("1", "2"):
            put(tmp_path / part / "images" / f"{name}.jpg")
            put(tmp_path / part / "masks" / f"{name}.png", "L")
    lesions = load_folder(tmp_path)
    assert get_paths(lesions.images, tmp_path) == [
        f"{part}/images/{n}.jpg" for part in ("train", "val") for n in (1, 2)
    ]
    assert get_paths(lesions.masks, tmp_path) == [f"{part}/masks/{n}.png" for part in ("train", "val") for n in (1, 2)]
    assert list(lesions.split) == ["training", "training", "validation", "validation"]
    for place in (split, f"{split}/images"):
        part = load_folder(tmp_path / place)
        assert get_paths(part.images, tmp_path / split) == ["images/1.jpg", "images/2.jpg"]
        assert get_paths(part.masks, tmp_path / split) == ["masks/1.png", "masks/2.png"]


@pytest.mark.parametrize(
    ("image_folder", "mask_folder"),
    [
        ("ISIC2018_Task1-2_Training_Input", "ISIC2018_Task1_Training_GroundTruth"),
        ("ISIC-2017_Training_Data", "ISIC-2017_Training_Part1_GroundTruth"),
        ("ISBI2016_ISIC_Part1_Training_Data", "ISBI2016_ISIC_Part1_Training_GroundTruth"),
        ("HAM10000_images_part_1", "HAM10000_segmentations_lesion_tschandl"),
        ("images", "Ground Truth"),
        ("img", "Segmentation"),
        ("dermoscopic", "lesion_masks"),
        ("images", "labels"),
        ("raw", "annotations"),
        ("x", "GT"),
    ],
)
def test_folders_of_masks(tmp_path, image_folder, mask_folder):
    for name in ("ISIC_1", "ISIC_2"):
        put(tmp_path / image_folder / f"{name}.jpg")
        put(tmp_path / image_folder / f"{name}_superpixels.png")
        put(tmp_path / mask_folder / f"{name}_segmentation.png", "L")
        put(tmp_path / "ISIC2018_Task2_Training_GroundTruth_v3" / f"{name}_attribute_globules.png", "L")
    lesions = load_folder(tmp_path)
    assert get_paths(lesions.images, tmp_path / image_folder) == ["ISIC_1.jpg", "ISIC_2.jpg"]
    assert get_paths(lesions.masks, tmp_path / mask_folder) == ["ISIC_1_segmentation.png", "ISIC_2_segmentation.png"]
    assert "Left out: 4 images of superpixels or attributes." in lesions.DESCR


@pytest.mark.parametrize(
    ("image_folder", "mask_folder"),
    [
        ("ISIC2018_Task1-2_Training_Input", "ISIC2018_Task1_Training_GroundTruth"),
        ("ISIC-2017_Training_Data", "ISIC-2017_Training_Part1_GroundTruth"),
        ("ISBI2016_ISIC_Part1_Training_Data", "ISBI2016_ISIC_Part1_Training_GroundTruth"),
        ("images", "masks"),
    ],
)
def test_folder_of_masks_beside_the_images(tmp_path, image_folder, mask_folder):
    put(tmp_path / image_folder / "ISIC_1.jpg")
    put(tmp_path / mask_folder / "ISIC_1_segmentation.png", "L")
    assert get_paths(load_folder(tmp_path / image_folder).masks, tmp_path / mask_folder) == ["ISIC_1_segmentation.png"]


@pytest.mark.parametrize(
    "ending",
    ["_segmentation", "_Segmentation", "_mask", "-mask", ".mask", "_lesion", "_seg", "_gt", "_label", "_binary"],
)
def test_masks_beside_images(tmp_path, ending):
    for name in ("a", "b"):
        put(tmp_path / f"{name}.jpg")
        put(tmp_path / f"{name}{ending}.png", "L")
        put(tmp_path / f"{name}_superpixels.png")
    put(tmp_path / f"orphan{ending}.png", "L")
    put(tmp_path / "orphan_superpixels.png")
    lesions = load_folder(tmp_path)
    assert get_paths(lesions.images, tmp_path) == ["a.jpg", "b.jpg"]
    assert get_paths(lesions.masks, tmp_path) == [f"a{ending}.png", f"b{ending}.png"]
    assert "Left out: 1 masks that fit no image." in lesions.DESCR
    assert "Left out: 3 images of superpixels or attributes." in lesions.DESCR


def test_color_image_with_an_ending_of_masks_is_an_image_where_it_fits_none(tmp_path):
    put(tmp_path / "patient1_lesion.jpg")
    put(tmp_path / "overview" / "patient1.jpg")
    assert len(load_folder(tmp_path).images) == 2


def test_masks_in_rgb_in_folders_of_their_own(tmp_path):
    image = np.zeros((8, 8, 3), np.uint8)
    mask = image.copy()
    image[..., 0], mask[2:5, 2:5] = np.arange(8), 255
    for name, pixels in (("a/a_dermoscopic/a.bmp", image), ("a/a_lesion/a_lesion.bmp", mask)):
        (tmp_path / name).parent.mkdir(parents=True)
        Image.fromarray(pixels).save(tmp_path / name)
    lesions = load_folder(tmp_path)
    assert get_paths(lesions.images, tmp_path) == ["a/a_dermoscopic/a.bmp"]
    assert get_paths(lesions.masks, tmp_path) == ["a/a_lesion/a_lesion.bmp"]


@pytest.mark.parametrize("folder", ["labels", "gt", "seg"])
def test_folder_that_may_hold_masks_holds_images_without_others_of_these_names(tmp_path, folder):
    put(tmp_path / folder / "a.jpg")
    put(tmp_path / "images" / "b.jpg")
    assert get_paths(load_folder(tmp_path).images, tmp_path) == sorted([f"{folder}/a.jpg", "images/b.jpg"])


def test_masks_of_patients_in_folders_of_labels(tmp_path):
    for patient in ("p1", "p2"):
        put(tmp_path / patient / "images" / "1.jpg")
        put(tmp_path / patient / "labels" / "1.png")
    lesions = load_folder(tmp_path)
    assert get_paths(lesions.images, tmp_path) == ["p1/images/1.jpg", "p2/images/1.jpg"]
    assert get_paths(lesions.masks, tmp_path) == ["p1/labels/1.png", "p2/labels/1.png"]


def test_masks_in_another_case(tmp_path):
    put(tmp_path / "images" / "IMG_1.JPG")
    put(tmp_path / "masks" / "img_1_Mask.png", "L")
    assert get_paths(load_folder(tmp_path / "images").masks, tmp_path) == ["masks/img_1_Mask.png"]


def test_folder_with_masks_alone_raises(tmp_path):
    put(tmp_path / "masks" / "a.png", "L")
    with pytest.raises(ValueError, match="folder must hold at least one image"):
        load_folder(tmp_path)
    put(tmp_path / "only" / "x_segmentation.png", "L")
    with pytest.raises(ValueError, match="without any but with 1 masks"):
        load_folder(tmp_path / "only")


def test_mask_folder_without_a_fitting_mask_raises(tmp_path):
    for number in range(2):
        put(tmp_path / "train" / "images" / f"{number}.jpg")
        put(tmp_path / "train" / "masks" / f"other_{number}.png", "L")
    with pytest.raises(ValueError, match="masks must hold a mask named like an image"):
        load_folder(tmp_path)


def make_classes(root, *names):
    for name in names:
        put(root / name / f"{name.replace('/', '-')}.png")


def get_targets(lesions, root):
    return dict(
        zip([path.rpartition("/")[0] for path in get_paths(lesions.images, root)], lesions.target.tolist(), strict=True)
    )


@pytest.mark.parametrize(
    "classes",
    [
        {"melanoma": 1, "nevus": 0},
        {"Melanoma": 1, "Seborrheic_Keratosis": 0, "naevi": 0},
        {"train/melanoma": 1, "train/nevus": 0, "test/melanoma": 1, "test/nevus": 0},
        {"melanoma/patient1": 1, "melanoma/patient2": 1, "nevus/patient3": 0},
        {"patient1/melanoma": 1, "patient2/nevus": 0},
        {"melanoma/2020-01-02": 1, "nevus/2020-01-02": 0},
        {"MEL": 1, "NV": 0, "BCC": 0, "UNK": -1},
        {"melanoma": 1, "not_melanoma": 0},
        {"melanoma": 1, "others": 0, "unlabeled": -1},
        {"benign/nevus": 0, "malignant/melanoma": 1, "malignant/bcc": 0},
        {"images/melanoma_in_situ": 1, "images/dysplastic nevus": 0},
    ],
)
def test_class_folders_are_labels(tmp_path, classes):
    make_classes(tmp_path, *classes)
    lesions = load_folder(tmp_path)
    assert get_targets(lesions, tmp_path) == classes
    assert set(lesions.label_mapping.values()) == set(classes.values())


@pytest.mark.filterwarnings("error:no image of .* is labeled")
@pytest.mark.parametrize(
    "folders",
    [
        ("patient1", "patient2"),
        ("2020-01-02", "2020-03-04"),
        ("20200102", "1"),
        ("0", "1"),
        ("AK", "MM"),
        ("LM", "Smith", "MEL"),
        ("train", "test"),
        ("other", "patient1"),
        ("unknown",),
        ("clinic/a", "clinic/b"),
    ],
)
def test_other_folders_are_no_labels(tmp_path, folders):
    make_classes(tmp_path, *folders)
    with pytest.warns(UserWarning, match="no image of .* is labeled"):
        assert set(load_folder(tmp_path).target) == {-1}


@pytest.mark.parametrize(
    ("folders", "message"),
    [
        (("benign", "malignant"), r"names of the folders in .* got 'malignant' \(1\)"),
        (("melanoma", "nevus", "foo"), r"got 'foo' \(1\), which could mean melanoma or not"),
        (("melanoma", "nevus", "1"), r"got '1' \(1\)"),
        (("melanoma", "suspected melanoma"), r"got 'suspected melanoma' \(1\)"),
        (("nevus", "seborrheic keratosis"), "at least one value that means melanoma"),
        (("melanoma/nevus", "nevus/nevus"), "contradict each other"),
    ],
)
def test_class_folders_in_doubt_raise(tmp_path, folders, message):
    make_classes(tmp_path, *folders)
    with pytest.raises(ValueError, match=message):
        load_folder(tmp_path)


@pytest.mark.parametrize(
    ("folders", "melanoma", "targets"),
    [
        (("benign", "malignant"), "malignant", [0, 1]),
        (("0", "1"), {"1": 1, "0": 0}, [0, 1]),
        (("0", "1"), 1, [0, 1]),
        (("foo", "melanoma", "nevus"), {"foo": -1}, [-1, 1, 0]),
        (("nevus", "wart"), (), [0, 0]),
        (("AK", "MM"), "MM", [0, 1]),
    ],
)
def test_melanoma_gives_folders_a_meaning(tmp_path, folders, melanoma, targets):
    make_classes(tmp_path, *folders)
    assert load_folder(tmp_path, melanoma=melanoma).target.tolist() == targets


def test_table_goes_before_class_folders(tmp_path):
    make_classes(tmp_path, "melanoma", "nevus")
    (tmp_path / "labels.csv").write_text("image,dx\nmelanoma,nv\nnevus,mel\n")
    np.testing.assert_array_equal(load_folder(tmp_path).target, [0, 1])


def test_image_beside_class_folders_is_unlabeled(tmp_path):
    make_classes(tmp_path, "melanoma", "nevus")
    put(tmp_path / "zzz.png")
    lesions = load_folder(tmp_path)
    assert lesions.target.tolist() == [1, 0, -1]
    assert lesions.label_mapping == {"melanoma": 1, "nevus": 0}
